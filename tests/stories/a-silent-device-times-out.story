# Three clocks: to the first sign, at each step, in total. All count from the command, whether or not the device is there.

image 1 lamp 3 #2 1.0.1
terms first:1440 step:60 total:4320
device a lamp
device b lamp
device c lamp
connect a
connect b
a hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
b hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
deploy 1 to a b c
    a: action 1: - -> offered [created]
    a: tell desired 2 [1: 3=1.0.1#2]
    a: tell Deploy action 1 attempt 1
    b: action 2: - -> offered [created]
    b: tell desired 2 [2: 3=1.0.1#2]
    b: tell Deploy action 2 attempt 1
    c: action 3: - -> queued [created]
# No sign. Who was told is asked to stop, in case it still hears it; who never came is told nothing.
at 1439
tick
b fb 2 proceeding
    stored
    action 2: offered -> accepted [said Proceeding]
at 1440
tick
    stored
    action 1: offered -> timed-out [timed out: no sign within 24 h of the command, still offered]
    tell desired 3 []
    tell Cancel action 1 attempt 1
    stored
    action 3: queued -> timed-out [timed out: no sign within 24 h of the command, still queued]
stands a
    Error: assigned nothing, installed nothing, attributes wanted
# The step clock: it begins anew with each state, and what does not move the state does not move it.
at 1450
b fb 2 proceeding progress=1/4
    stored
    action 2: accepted -> accepted [said Proceeding]
at 1498
b fb 2 download
    stored
    action 2: accepted -> downloading [said Download]
at 1557
b fb 2 download progress=2/4
    stored
    action 2: downloading -> downloading [said Download]
tick
at 1558
tick
    stored
    action 2: downloading -> timed-out [timed out: still downloading after 1 h]
    tell desired 3 []
    tell Cancel action 2 attempt 1
# What it says after that is refused, and what it reports is believed.
b fb 2 success
    rejected contradicts: the action has ended otherwise
    action 2: timed-out -> timed-out [drift Closed(Success)]
b report seq=2 3=#2
    stored
stands b
    Error: assigned nothing, installed nothing, attributes wanted

# Silence after "success" is a failure.
at 0
image 2 lamp 3 #3 1.0.2
deploy 2 to b
    b: action 4: - -> offered [created]
    b: tell desired 4 [4: 3=1.0.2#3]
    b: tell Deploy action 4 attempt 1
b fb 4 success
    stored
    action 4: offered -> verifying [said Closed(Success)]
at 60
tick
    stored
    action 4: verifying -> timed-out [timed out: still verifying after 1 h]
    tell desired 5 []
    tell Cancel action 4 attempt 1
show b
    type 3: 1.0.1 (number 2)
    type 3: image 2 failed 1 times
    refused: the action has ended otherwise

# In total, however busy it is.
at 0
terms total:90
deploy 1 to a
    a: action 5: - -> offered [created]
    a: tell desired 4 [5: 3=1.0.1#2]
    a: tell Deploy action 5 attempt 1
at 30
a fb 5 download
    stored
    action 5: offered -> downloading [said Download]
at 60
a fb 5 downloaded
    stored
    action 5: downloading -> downloaded [said Downloaded]
at 89
a fb 5 proceeding
    stored
    action 5: downloaded -> installing [said Proceeding]
tick
at 90
tick
    stored
    action 5: installing -> timed-out [timed out: not done within 90 min of the command, still installing]
    tell desired 5 []
    tell Cancel action 5 attempt 1

# A cancel under way stops the clocks: it has an end of its own. Refused, it sets them going again.
at 0
terms total:9
deploy 1 to a
    a: action 6: - -> offered [created]
    a: tell desired 6 [6: 3=1.0.1#2]
    a: tell Deploy action 6 attempt 1
cancel 6
    stored
    action 6: offered -> offered cancelling [cancel asked]
    tell desired 7 []
    tell Cancel action 6 attempt 1
at 9
tick
a fb 6 rejected
    stored
    action 6: offered -> offered [said Rejected]
    tell desired 8 [6: 3=1.0.1#2]
tick
    stored
    action 6: offered -> timed-out [timed out: not done within 9 min of the command, still offered]
    tell desired 9 []
    tell Cancel action 6 attempt 1
