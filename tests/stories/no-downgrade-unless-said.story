# An older number is refused; an operator may insist. Texts decide only where there is no number.

image 1 lamp 3 #5 1.0.5
device lamp-1 lamp
device lamp-2 lamp
connect lamp-1
lamp-1 hello seq=1 boot=a 3=#9
    stored
    tell desired 1 []
lamp-2 report 3=1.0.9
    stored
deploy 1 to lamp-1 lamp-2
    lamp-1: action 1: - -> not-compatible [created: the device runs something newer]
    lamp-2: action 2: - -> not-compatible [created: the device runs something newer]
deploy 1 to lamp-1 downgrade
    lamp-1: action 3: - -> offered [created]
    lamp-1: tell desired 2 [3: 3=1.0.5#5]
    lamp-1: tell Deploy action 3 attempt 1
lamp-1 fb 3 success
    stored
    action 3: offered -> verifying [said Closed(Success)]
lamp-1 report seq=2 3=#5
    stored
    action 3: verifying -> succeeded [reported]
    tell desired 3 []
deploy 1 to lamp-1
    lamp-1: action 4: - -> already-installed [created]
offer 1
