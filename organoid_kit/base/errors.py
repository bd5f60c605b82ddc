"""The one exception for mistakes a user can mend.

Its message says what the rule is, what was received and where, and what to do next. The command
line prints it without a traceback; anything else that is raised is a bug of ours.
"""


class UserError(ValueError):
    """Something in the user's files or settings must change; the message says what and how."""
