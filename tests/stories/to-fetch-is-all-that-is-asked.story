# A download-only action ends well when the device has the file; nothing is installed by it.

image 1 lamp 3 #2 1.0.1
device lamp-1 lamp
lamp-1 configure merge site=b12
    stored
terms download-only
deploy 1 to lamp-1
    lamp-1: action 1: - -> queued [created]
lamp-1 poll
    stored
    action 1: queued -> offered [told]
lamp-1 retrieved 1
    stored
    action 1: offered -> accepted [retrieved]
lamp-1 ddi 1 download
    stored
    action 1: accepted -> downloading [said Download]
lamp-1 ddi 1 downloaded time=7
    stored
    action 1: downloading -> succeeded [said Downloaded]
stands lamp-1
    InSync: assigned image 1, installed nothing, attributes wanted
# The same again is no news; anything else comes too late.
lamp-1 ddi 1 downloaded time=7
    repeated
lamp-1 ddi 1 success
    rejected action-finished: the action has ended
    action 1: succeeded -> succeeded [drift Closed(Success)]
lamp-1 ddi 1 proceeding
    rejected action-finished: the action has ended
    action 1: succeeded -> succeeded [drift Proceeding]
# What fails fails, and the device was assigned nothing.
device lamp-2 lamp
deploy 1 to lamp-2
    lamp-2: action 2: - -> queued [created]
lamp-2 ddi 2 failure code=-3
    stored
    action 2: queued -> failed (device code -3) [said Closed(Failure)]
stands lamp-2
    Error: assigned nothing, installed nothing, attributes wanted
# A device with a session reports versions; to have the file ends it all the same.
device lamp-3 lamp
connect lamp-3
lamp-3 hello seq=1 3=1.0.0
    stored
    tell desired 1 []
deploy 1 to lamp-3
    lamp-3: action 3: - -> offered [created]
    lamp-3: tell desired 2 [3: 3=1.0.1#2]
    lamp-3: tell Deploy action 3 attempt 1
lamp-3 fb 3 downloaded
    stored
    action 3: offered -> succeeded [said Downloaded]
    tell desired 3 []
