# Images that are installed together close one action, and only together.

image 1 lamp 1 #2 0.2
image 2 lamp 3 #8 1.0.8
image 3 lamp 3 #9 1.0.9
device lamp-1 lamp
connect lamp-1
lamp-1 hello seq=1 boot=a 1=#1 3=#7
    stored
    tell desired 1 []
deploy 1+2 to lamp-1
    lamp-1: action 1: - -> offered [created]
    lamp-1: tell desired 2 [1: 1=0.2#2 3=1.0.8#8]
    lamp-1: tell Deploy action 1 attempt 1
lamp-1 fb 1 success
    stored
    action 1: offered -> verifying [said Closed(Success)]
lamp-1 report seq=2 1=#2
    stored
lamp-1 report seq=3 3=#8
    stored
    action 1: verifying -> succeeded [reported]
    tell desired 3 []
# Out of order in time, the first half alone does not converge.
deploy 3 to lamp-1
    lamp-1: action 2: - -> offered [created]
    lamp-1: tell desired 4 [2: 3=1.0.9#9]
    lamp-1: tell Deploy action 2 attempt 1
deploy 1+2 to lamp-1 downgrade
    lamp-1: action 3: - -> already-installed [created]
lamp-1 hello seq=1 boot=b 1=#2 3=#8
    stored
    tell desired 5 [2: 3=1.0.9#9]
    tell Deploy action 2 attempt 1
