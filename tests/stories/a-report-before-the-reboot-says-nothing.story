# What a device reports in the boot in which it said "success" is the old image still; the next boot decides.

image 1 lamp 3 #2 1.0.1
device lamp-1 lamp
connect lamp-1
lamp-1 hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
deploy 1 to lamp-1
    lamp-1: action 1: - -> offered [created]
    lamp-1: tell desired 2 [1: 3=1.0.1#2]
    lamp-1: tell Deploy action 1 attempt 1
lamp-1 fb 1 success
    stored
    action 1: offered -> verifying [said Closed(Success)]
lamp-1 report seq=2 3=#1
    stored
lamp-1 hello seq=1 boot=b 3=#1
    stored
    action 1: verifying -> failed (not converged) [reported: type 3 runs number 1]
    tell desired 3 []
deploy 1 to lamp-1
    lamp-1: action 2: - -> offered [created]
    lamp-1: tell desired 4 [2: 3=1.0.1#2]
    lamp-1: tell Deploy action 2 attempt 1
lamp-1 fb 2 success
    stored
    action 2: offered -> verifying [said Closed(Success)]
lamp-1 report seq=2 3=#1
    stored
lamp-1 report seq=3 3=#2
    stored
    action 2: verifying -> succeeded [reported]
    tell desired 5 []
# A device that does not name its boots is taken at its word at once.
device lamp-2 lamp
connect lamp-2
lamp-2 report 3=#1
    stored
deploy 1 to lamp-2
    lamp-2: action 3: - -> offered [created]
    lamp-2: tell desired 1 [3: 3=1.0.1#2]
    lamp-2: tell Deploy action 3 attempt 1
lamp-2 fb 3 success
    stored
    action 3: offered -> verifying [said Closed(Success)]
lamp-2 report 3=#1
    stored
    action 3: verifying -> failed (not converged) [reported: type 3 runs number 1]
    tell desired 2 []
# It shows a new boot by counting anew: what it says then is not old news.
device lamp-3 lamp
connect lamp-3
lamp-3 hello seq=7 3=#1
    stored
    tell desired 1 []
lamp-3 hello seq=1 3=#2
    stored
    tell desired 2 []
show lamp-3
    type 3: 1.0.1 (number 2)
lamp-3 hello seq=1 3=#2
    repeated
    tell desired 3 []
