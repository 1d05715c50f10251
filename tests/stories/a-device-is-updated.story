# The main walk: birth, offer, progress, "success", reboot, and the report that closes the action.

image 1 lamp 3 #7155 1.0.3
offer 1
device lamp-1 lamp
connect lamp-1
lamp-1 hello seq=1 boot=a product=lamp 3=#7112
    stored
    action 1: - -> offered [created]
    tell desired 1 [1: 3=1.0.3#7155]
    tell Deploy action 1 attempt 1
lamp-1 fb 1 proceeding
    stored
    action 1: offered -> accepted [said Proceeding]
lamp-1 fb 1 download progress=1/4
    stored
    action 1: accepted -> downloading [said Download]
lamp-1 fb 1 downloaded
    stored
    action 1: downloading -> downloaded [said Downloaded]
lamp-1 fb 1 proceeding
    stored
    action 1: downloaded -> installing [said Proceeding]
lamp-1 fb 1 success
    stored
    action 1: installing -> verifying [said Closed(Success)]
# A reconnect in the same boot is not the new image yet.
lamp-1 hello seq=2 boot=a product=lamp 3=#7112
    stored
    tell desired 2 [1: 3=1.0.3#7155]
lamp-1 hello seq=1 boot=b product=lamp 3=#7155
    stored
    action 1: verifying -> succeeded [reported]
    tell desired 3 []
show lamp-1
    type 3: 1.0.3 (number 7155)
lamp-1 get
    stored
    tell desired 4 []
# What was said about it later changes nothing.
lamp-1 fb 1 success
    repeated
lamp-1 fb 1 failure
    rejected contradicts: the action has ended otherwise
    action 1: succeeded -> succeeded [drift Closed(Failure)]
lamp-1 fb 1 proceeding
    rejected action-finished: the action has ended
    action 1: succeeded -> succeeded [drift Proceeding]
