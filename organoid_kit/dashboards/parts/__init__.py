"""What several dashboards share: frames, states, threads, waiting."""
