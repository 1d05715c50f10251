# A reported failure ends the action with the device's code; a newer image starts with a clean count.

image 1 lamp 3 #2 1.0.1
image 2 lamp 3 #3 1.0.2
offer 1
device lamp-1 lamp
connect lamp-1
lamp-1 hello seq=1 boot=a 3=#1
    stored
    action 1: - -> offered [created]
    tell desired 1 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
lamp-1 fb 1 rejected say=battery-low
    stored
    action 1: offered -> offered warning [said Rejected: battery-low]
lamp-1 fb 1 failure code=17 say=flash-write
    stored
    action 1: offered -> failed (device code 17) warning [said Closed(Failure): flash-write]
    tell desired 2 []
lamp-1 report seq=2 3=#1
    stored
    action 2: - -> offered [created]
    tell desired 3 [2: 3=1.0.1#2]
    tell Deploy action 2 attempt 2
lamp-1 fb 2 failure code=17
    stored
    action 2: offered -> failed (device code 17) [said Closed(Failure)]
    tell desired 4 []
lamp-1 report seq=3 3=#1
    stored
offer 2
    lamp-1: action 3: - -> offered [created]
    lamp-1: tell desired 5 [3: 3=1.0.2#3]
    lamp-1: tell Deploy action 3 attempt 1
