# A window opens without a word from the device: the next question, or the offer's own moment, finds it open.

image 1 lamp 3 #2 1.0.1
device lamp-1 lamp
connect lamp-1
lamp-1 hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
at 10
offer 1 opens:20
lamp-1 get
    stored
    tell desired 2 []
at 20
lamp-1 get
    stored
    action 1: - -> offered [created]
    tell desired 3 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
# What contradicts the end is refused as often as it comes: an acknowledgement would say that it is stored.
lamp-1 report seq=2 3=#2
    stored
    action 1: offered -> succeeded [reported]
    tell desired 4 []
lamp-1 fb 1 failure time=5
    rejected contradicts: the action has ended otherwise
    action 1: succeeded -> succeeded [drift Closed(Failure)]
lamp-1 fb 1 failure time=5
    rejected contradicts: the action has ended otherwise
    action 1: succeeded -> succeeded [drift Closed(Failure)]
