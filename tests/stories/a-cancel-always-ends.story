# Confirmed, refused, ignored, forced, or overtaken by success: a cancel ends in every case.

image 1 lamp 3 #2 1.0.1
device a lamp
device b lamp
device c lamp
device d lamp
device e lamp
device f lamp
connect a
connect b
connect c
connect d
connect e
deploy 1 to a b c d e f
    a: action 1: - -> offered [created]
    a: tell desired 1 [1: 3=1.0.1#2]
    a: tell Deploy action 1 attempt 1
    b: action 2: - -> offered [created]
    b: tell desired 1 [2: 3=1.0.1#2]
    b: tell Deploy action 2 attempt 1
    c: action 3: - -> offered [created]
    c: tell desired 1 [3: 3=1.0.1#2]
    c: tell Deploy action 3 attempt 1
    d: action 4: - -> offered [created]
    d: tell desired 1 [4: 3=1.0.1#2]
    d: tell Deploy action 4 attempt 1
    e: action 5: - -> offered [created]
    e: tell desired 1 [5: 3=1.0.1#2]
    e: tell Deploy action 5 attempt 1
    f: action 6: - -> queued [created]
cancel 1
    stored
    action 1: offered -> offered cancelling [cancel asked]
    tell desired 2 []
    tell Cancel action 1 attempt 1
a fb 1 canceled
    stored
    action 1: offered -> cancelled [said Canceled]
    tell desired 3 []
cancel 1
    rejected action-finished: the action has ended

cancel 2
    stored
    action 2: offered -> offered cancelling [cancel asked]
    tell desired 2 []
    tell Cancel action 2 attempt 1
b fb 2 rejected say=too-late
    stored
    action 2: offered -> offered [said Rejected: too-late]
    tell desired 3 [2: 3=1.0.1#2]
cancel 2
    stored
    action 2: offered -> offered cancelling [cancel asked]
    tell desired 4 []
    tell Cancel action 2 attempt 1
cancel 2
    rejected cancel-pending: a cancel is pending already
b fb 2 canceled
    stored
    action 2: offered -> cancelled [said Canceled]
    tell desired 5 []

at 5
cancel 3
    stored
    action 3: offered -> offered cancelling [cancel asked]
    tell desired 2 []
    tell Cancel action 3 attempt 1
tick
at 15
tick
    stored
    action 3: offered -> cancelled [cancel ended]
    tell desired 3 []
c fb 3 success
    rejected contradicts: the action has ended otherwise
    action 3: cancelled -> cancelled [drift Closed(Success)]

cancel 4
    stored
    action 4: offered -> offered cancelling [cancel asked]
    tell desired 2 []
    tell Cancel action 4 attempt 1
cancel 4 force
    stored
    action 4: offered -> cancelled [cancel asked]
    tell desired 3 []
    tell Cancel action 4 attempt 1

cancel 5
    stored
    action 5: offered -> offered cancelling [cancel asked]
    tell desired 2 []
    tell Cancel action 5 attempt 1
e fb 5 success
    stored
    action 5: offered -> verifying [said Closed(Success)]
    tell desired 3 [5: 3=1.0.1#2]
e report 3=#2
    stored
    action 5: verifying -> succeeded [reported]
    tell desired 4 []

# Nobody was told: nothing to wait for.
cancel 6
    stored
    action 6: queued -> cancelled [cancel asked]
