# Every message may arrive twice, late, or out of order.

image 1 lamp 3 #2 1.0.1
offer 1
device lamp-1 lamp
connect lamp-1
lamp-1 hello seq=10 boot=a 3=#1
    stored
    action 1: - -> offered [created]
    tell desired 1 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
lamp-1 hello seq=10 boot=a 3=#1
    repeated
    tell desired 2 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
lamp-1 fb 1 download time=1
    stored
    action 1: offered -> downloading [said Download]
lamp-1 fb 1 download time=1
    repeated
lamp-1 fb 1 downloaded time=2
    stored
    action 1: downloading -> downloaded [said Downloaded]
lamp-1 fb 1 download time=1
    repeated
lamp-1 report seq=11 3=#1
    stored
# Number 12 was lost: the server asks.
lamp-1 report seq=13 3=#2
    stored
    action 1: downloaded -> succeeded [reported]
    tell desired 3 []
    tell Report
# An older report comes late and does not take the version back.
lamp-1 report seq=12 3=#1
    stored
show lamp-1
    type 3: 1.0.1 (number 2)
lamp-1 report seq=13 3=#2
    repeated
