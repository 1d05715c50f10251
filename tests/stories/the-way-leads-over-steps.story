# Versions that must be passed through are a path: the steps are brought first, one after the other.

image 1 lamp 3 #1 1.0.0
image 2 lamp 3 #2 2.0.0
image 3 lamp 3 #3 3.0.0 from:2.x
image 4 lamp 3 #4 4.0.0 through:2.0.0 through:3.0.0 from:3.x
device a lamp
connect a
offer 4
a hello seq=1 boot=a 3=#1
    stored
    action 1: - -> offered [created]
    tell desired 1 [1: 3=2.0.0#2]
    tell Deploy action 1 attempt 1
explain a 3
    pass offered
    pass product
    pass type
    pass reported
    pass not-installed
    pass no-downgrade
    FAIL compatible: not-compatible (the update may not start from the device's version)
    FAIL through: pass-through (the device must install 2.0.0 first; image 2 is the next step)
    pass hardware
    pass window
    pass attempts
    pass penalty
    pass weight
    FAIL free: action-active (action 1 is under way for this type)
a report seq=2 3=#2
    stored
    action 1: offered -> succeeded [reported]
    action 2: - -> offered [created]
    tell desired 2 [2: 3=3.0.0#3]
    tell Deploy action 2 attempt 1
explain a 3
    pass offered
    pass product
    pass type
    pass reported
    pass not-installed
    pass no-downgrade
    FAIL compatible: not-compatible (the update may not start from the device's version)
    FAIL through: pass-through (the device must install 3.0.0 first; image 3 is the next step)
    pass hardware
    pass window
    pass attempts
    pass penalty
    pass weight
    FAIL free: action-active (action 2 is under way for this type)
a report seq=3 3=#3
    stored
    action 2: offered -> succeeded [reported]
    action 3: - -> offered [created]
    tell desired 3 [3: 3=4.0.0#4]
    tell Deploy action 3 attempt 1
a report seq=4 3=#4
    stored
    action 3: offered -> succeeded [reported]
    tell desired 4 []

# A deployment knows where it leads.
withdraw lamp 3
device b lamp
connect b
b hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
deploy 4 to b
    b: action 4: - -> offered [created: a step on the way: 2.0.0 comes first]
    b: tell desired 2 [4: 3=2.0.0#2]
    b: tell Deploy action 4 attempt 1
stands b
    Pending: assigned image 4, installed nothing, attributes wanted
b fb 4 success
    stored
    action 4: offered -> verifying [said Closed(Success)]
b hello seq=1 boot=b 3=#2
    stored
    action 4: verifying -> succeeded [reported]
    action 5: - -> offered [created: a step on the way: 3.0.0 comes first]
    tell desired 3 [5: 3=3.0.0#3]
    tell Deploy action 5 attempt 1
b fb 5 success
    stored
    action 5: offered -> verifying [said Closed(Success)]
b hello seq=1 boot=c 3=#3
    stored
    action 5: verifying -> succeeded [reported]
    action 6: - -> offered [created]
    tell desired 4 [6: 3=4.0.0#4]
    tell Deploy action 6 attempt 1
b fb 6 success
    stored
    action 6: offered -> verifying [said Closed(Success)]
b hello seq=1 boot=d 3=#4
    stored
    action 6: verifying -> succeeded [reported]
    tell desired 5 []
stands b
    InSync: assigned image 4, installed image 4, attributes wanted

# A step that fails ends the way, and so does a step that is called off although the device came up with it.
device c lamp
connect c
c hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
deploy 4 to c
    c: action 7: - -> offered [created: a step on the way: 2.0.0 comes first]
    c: tell desired 2 [7: 3=2.0.0#2]
    c: tell Deploy action 7 attempt 1
c fb 7 failure code=7
    stored
    action 7: offered -> failed (device code 7) [said Closed(Failure)]
    tell desired 3 []
stands c
    Error: assigned nothing, installed nothing, attributes wanted
deploy 4 to c
    c: action 8: - -> offered [created: a step on the way: 2.0.0 comes first]
    c: tell desired 4 [8: 3=2.0.0#2]
    c: tell Deploy action 8 attempt 1
cancel 8
    stored
    action 8: offered -> offered cancelling [cancel asked]
    tell desired 5 []
    tell Cancel action 8 attempt 1
c report seq=2 3=#2
    stored
    action 8: offered -> succeeded [reported]
    action 9: - -> cancelled [created: it was called off on the way]
    tell desired 6 []
stands c
    InSync: assigned image 2, installed image 2, attributes wanted
# Whoever agrees to the first step agrees to where it leads.
terms consent
deploy 4 to c
    c: action 10: - -> queued unconfirmed [created: a step on the way: 3.0.0 comes first]
c confirms 10
    stored
    action 10: queued -> offered [confirmed]
    tell desired 7 [10: 3=3.0.0#3]
    tell Deploy action 10 attempt 1
c report seq=3 3=#3
    stored
    action 10: offered -> succeeded [reported]
    action 11: - -> offered [created]
    tell desired 8 [11: 3=4.0.0#4]
    tell Deploy action 11 attempt 1
# A step may have steps of its own; nobody walks who never says where it is, and what is only fetched leads nowhere.
terms forced
image 5 lamp 3 #5 5.0.0 through:4.0.0
device d lamp
connect d
d hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
deploy 5 to d
    d: action 12: - -> offered [created: a step on the way: 2.0.0 comes first]
    d: tell desired 2 [12: 3=2.0.0#2]
    d: tell Deploy action 12 attempt 1
device e lamp
deploy 5 to e
    e: action 13: - -> not-compatible [created: the device must install 4.0.0 first]
terms download-only
deploy 4 to c
    c: action 11: offered -> superseded [superseded]
    c: action 14: - -> offered [created]
    c: tell desired 9 [14: 3=4.0.0#4]
    c: tell Deploy action 14 attempt 1

# Names without an order are passed in the order of the list, and nothing goes round in circles.
terms forced
image 6 lamp 7 #1 anton
image 7 lamp 7 #2 berta
image 8 lamp 7 #3 caesar through:anton through:berta
image 9 lamp 7 #4 dora through:emil
image 10 lamp 7 #5 emil through:dora
device f lamp
connect f
f hello seq=1 boot=a 7=old
    stored
    tell desired 1 []
deploy 8 to f
    f: action 15: - -> offered [created: a step on the way: anton comes first]
    f: tell desired 2 [15: 7=anton#1]
    f: tell Deploy action 15 attempt 1
f report seq=2 7=anton
    stored
    action 15: offered -> succeeded [reported]
    action 16: - -> offered [created: a step on the way: berta comes first]
    tell desired 3 [16: 7=berta#2]
    tell Deploy action 16 attempt 1
f report seq=3 7=berta
    stored
    action 16: offered -> succeeded [reported]
    action 17: - -> offered [created]
    tell desired 4 [17: 7=caesar#3]
    tell Deploy action 17 attempt 1
f report seq=4 7=caesar
    stored
    action 17: offered -> succeeded [reported]
    tell desired 5 []
deploy 9 to f downgrade
    f: action 18: - -> not-compatible [created: the device must install emil first]
