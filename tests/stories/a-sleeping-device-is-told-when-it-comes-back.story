# Desired state is computed at each birth; a command that nobody heard costs nothing.

image 1 lamp 3 #2 1.0.1
device lamp-1 lamp
lamp-1 report 3=#1
    stored
deploy 1 to lamp-1
    lamp-1: action 1: - -> queued [created]
connect lamp-1
lamp-1 hello seq=1 boot=a 3=#1
    stored
    action 1: queued -> offered [told]
    tell desired 1 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
drop lamp-1
connect lamp-1
lamp-1 hello seq=2 boot=a 3=#1
    stored
    tell desired 2 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
lamp-1 fb 1 download
    stored
    action 1: offered -> downloading [said Download]
# Once the device has given a sign, the hint is not repeated; the desired document always is.
lamp-1 hello seq=3 boot=a 3=#1
    stored
    tell desired 3 [1: 3=1.0.1#2]
