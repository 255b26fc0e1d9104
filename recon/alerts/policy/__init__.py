"""Who is told what, and when: a fold of signals under the policy in force. Pure (operator 7).

1. A *signal* is something that happened to a case, or to recon's own sight. It is stored with what caused it.
2. `decide` takes the signals and the time. It returns the steps it took, the messages to send, and its next moment.
3. What is due by time (a reminder, the end of quiet hours) happens at its own due time, never at the time of a look.
   So the same signals at the same times give the same steps, live, in `why`, in `what-if`, and after a rebuild.
"""
