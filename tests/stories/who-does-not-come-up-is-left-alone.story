# Three updates in a row that a device did not come up with: standing offers and rollouts leave it alone for an hour.

image 1 lamp 3 #2 1.0.1
image 2 lamp 3 #3 1.0.2
image 3 lamp 3 #4 1.0.3
device a lamp
connect a
offer 1
a hello seq=1 boot=a 3=#1
    stored
    action 1: - -> offered [created]
    tell desired 1 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
a fb 1 success
    stored
    action 1: offered -> verifying [said Closed(Success)]
a hello seq=1 boot=b 3=#1
    stored
    action 1: verifying -> failed (not converged) [reported: type 3 runs number 1]
    action 2: - -> offered [created]
    tell desired 2 [2: 3=1.0.1#2]
    tell Deploy action 2 attempt 2
# A failure that the device reports itself neither counts nor begins anew.
a fb 2 failure
    stored
    action 2: offered -> failed (reported by the device) [said Closed(Failure)]
    tell desired 3 []
offer 2
    a: action 3: - -> offered [created]
    a: tell desired 4 [3: 3=1.0.2#3]
    a: tell Deploy action 3 attempt 1
a fb 3 success
    stored
    action 3: offered -> verifying [said Closed(Success)]
a hello seq=1 boot=c 3=#1
    stored
    action 3: verifying -> failed (not converged) [reported: type 3 runs number 1]
    action 4: - -> offered [created]
    tell desired 5 [4: 3=1.0.2#3]
    tell Deploy action 4 attempt 2
terms step:5
deploy 1 to a
    a: action 4: offered -> superseded [superseded]
    a: action 5: - -> offered [created]
    a: tell desired 6 [5: 3=1.0.1#2]
    a: tell Deploy action 5 attempt 1
a fb 5 success
    stored
    action 5: offered -> verifying [said Closed(Success)]
at 5
tick
    stored
    action 5: verifying -> timed-out [timed out: still verifying after 5 min]
    tell desired 7 []
    tell Cancel action 5 attempt 1
a report seq=2 3=#1
    stored
explain a 3
    pass offered
    pass product
    pass type
    pass reported
    pass not-installed
    pass no-downgrade
    pass compatible
    pass through
    pass hardware
    pass window
    pass attempts
    FAIL penalty: penalty-box (the device failed to come up with updates and is left alone)
    pass weight
    pass free
offer 3
roll out 3 to a
    a: held penalty-box: the device failed to come up with updates and is left alone
# What an operator orders goes through, and a failure more doubles the hour.
deploy 3 to a
    a: action 6: - -> offered [created]
    a: tell desired 8 [6: 3=1.0.3#4]
    a: tell Deploy action 6 attempt 1
a fb 6 success
    stored
    action 6: offered -> verifying [said Closed(Success)]
at 10
tick
    stored
    action 6: verifying -> timed-out [timed out: still verifying after 5 min]
    tell desired 9 []
    tell Cancel action 6 attempt 1
a report seq=3 3=#1
    stored
at 129
roll out 2 to a
    a: held penalty-box: the device failed to come up with updates and is left alone
at 130
roll out 2 to a
    a: action 7: - -> offered [created]
    a: tell desired 10 [7: 3=1.0.2#3]
    a: tell Deploy action 7 attempt 1
# A success ends it.
a fb 7 success
    stored
    action 7: offered -> verifying [said Closed(Success)]
a report seq=4 3=#3
    stored
    action 7: verifying -> succeeded [reported]
    action 8: - -> offered [created]
    tell desired 11 [8: 3=1.0.3#4]
    tell Deploy action 8 attempt 1
explain a 3
    pass offered
    pass product
    pass type
    pass reported
    pass not-installed
    pass no-downgrade
    pass compatible
    pass through
    pass hardware
    pass window
    pass attempts
    pass penalty
    pass weight
    FAIL free: action-active (action 8 is under way for this type)
