# What a paused rollout keeps from a device does not time out: the clocks begin when it may be told.

image 1 lamp 3 #2 1.0.1
device a lamp
a hello seq=1 boot=a 3=#1
    stored
terms first:15 total:30
roll out 1 to a
    a: action 1: - -> queued [created]
at 10
pause rollouts
at 15
tick
    stored
    action 1: queued -> queued []
at 25
connect a
a get
    stored
    tell desired 1 []
at 40
resume rollouts
opened 1
    stored
    action 1: queued -> offered [told]
    tell desired 2 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
at 54
tick
at 55
tick
    stored
    action 1: offered -> timed-out [timed out: no sign within 15 min of the command, still offered]
    tell desired 3 []
    tell Cancel action 1 attempt 1
# One that the device was told of before goes on, and so does its clock.
device b lamp
connect b
b hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
roll out 1 to b
    b: action 2: - -> offered [created]
    b: tell desired 2 [2: 3=1.0.1#2]
    b: tell Deploy action 2 attempt 1
pause rollouts
at 69
tick
at 70
tick
    stored
    action 2: offered -> timed-out [timed out: no sign within 15 min of the command, still offered]
    tell desired 3 []
    tell Cancel action 2 attempt 1
