# An image may name versions that a device must have reached first.

image 1 lamp 3 #1 1.0.0
image 2 lamp 3 #2 1.5.0
image 3 lamp 3 #3 2.0.0 through:1.5.0
device lamp-1 lamp
connect lamp-1
offer 3
lamp-1 hello seq=1 boot=a 3=#1
    stored
    action 1: - -> offered [created]
    tell desired 1 [1: 3=1.5.0#2]
    tell Deploy action 1 attempt 1
explain lamp-1 3
    pass offered
    pass product
    pass type
    pass reported
    pass not-installed
    pass no-downgrade
    pass compatible
    FAIL through: pass-through (the device must install 1.5.0 first; image 2 is the next step)
    pass hardware
    pass window
    pass attempts
    pass penalty
    pass weight
    FAIL free: action-active (action 1 is under way for this type)
lamp-1 fb 1 success
    stored
    action 1: offered -> verifying [said Closed(Success)]
lamp-1 hello seq=1 boot=b 3=#2
    stored
    action 1: verifying -> succeeded [reported]
    action 2: - -> offered [created]
    tell desired 2 [2: 3=2.0.0#3]
    tell Deploy action 2 attempt 1
