# "Success" and then the old version is a failure, and an image that fails too often is no longer offered.

image 1 lamp 3 #2 1.0.1
offer 1
device lamp-1 lamp
connect lamp-1
lamp-1 hello seq=1 boot=a 3=#1
    stored
    action 1: - -> offered [created]
    tell desired 1 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
lamp-1 fb 1 success
    stored
    action 1: offered -> verifying [said Closed(Success)]
# The boot into the old version: the standing offer tries again.
lamp-1 hello seq=1 boot=b 3=#1
    stored
    action 1: verifying -> failed (not converged) [reported: type 3 runs number 1]
    action 2: - -> offered [created]
    tell desired 2 [2: 3=1.0.1#2]
    tell Deploy action 2 attempt 2
lamp-1 fb 2 success
    stored
    action 2: offered -> verifying [said Closed(Success)]
lamp-1 hello seq=1 boot=c 3=#1
    stored
    action 2: verifying -> failed (not converged) [reported: type 3 runs number 1]
    tell desired 3 []
show lamp-1
    type 3: number 1
    type 3: image 1 failed 2 times
explain lamp-1 3
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
    FAIL attempts: attempts-exhausted (the image failed 2 times on this device)
    pass penalty
    pass weight
    pass free
# An operator's deployment starts the count anew.
deploy 1 to lamp-1
    lamp-1: action 3: - -> offered [created]
    lamp-1: tell desired 4 [3: 3=1.0.1#2]
    lamp-1: tell Deploy action 3 attempt 1
lamp-1 fb 3 success
    stored
    action 3: offered -> verifying [said Closed(Success)]
lamp-1 report seq=2 3=#2
    stored
    action 3: verifying -> succeeded [reported]
    tell desired 5 []
show lamp-1
    type 3: 1.0.1 (number 2)
