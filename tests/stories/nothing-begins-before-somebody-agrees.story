# Where the terms ask for consent, the device is told nothing before somebody agrees.

image 1 lamp 3 #2 1.0.1
image 2 lamp 3 #3 1.0.2
device lamp-1 lamp
connect lamp-1
lamp-1 hello seq=1 3=1.0.0
    stored
    tell desired 1 []
terms consent
deploy 1 to lamp-1
    lamp-1: action 1: - -> queued unconfirmed [created]
stands lamp-1
    Pending: assigned image 1, installed nothing, attributes wanted
lamp-1 poll
    stored
lamp-1 get
    stored
    tell desired 2 []
# Its word counts for nothing yet, and "no" changes nothing.
lamp-1 ddi 1 proceeding
    rejected waiting-for-confirmation: the action waits until somebody agrees
    action 1: queued -> queued unconfirmed [drift Proceeding]
lamp-1 denies 1 code=5 not-now
    stored
    action 1: queued -> queued unconfirmed [denied]
    tell desired 3 []
lamp-1 confirms 1 code=200 by-hand
    stored
    action 1: queued -> offered [confirmed]
    tell desired 4 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
lamp-1 confirms 1
    rejected not-waiting: the action does not wait for anybody to agree
lamp-1 ddi 1 download
    stored
    action 1: offered -> downloading [said Download]
# Whoever agreed may think again, until the action is called off or ends.
lamp-1 denies 1
    stored
    action 1: downloading -> downloading unconfirmed [denied]
    tell desired 5 []
lamp-1 ddi 1 downloaded
    rejected waiting-for-confirmation: the action waits until somebody agrees
    action 1: downloading -> downloading unconfirmed [drift Downloaded]
lamp-1 confirms 1
    stored
    action 1: downloading -> downloading [confirmed]
    tell desired 6 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
cancel 1
    stored
    action 1: downloading -> downloading cancelling [cancel asked]
    tell desired 7 []
    tell Cancel action 1 attempt 1
lamp-1 denies 1
    rejected not-waiting: the action does not wait for anybody to agree
lamp-1 answer 1 success
    stored
    action 1: downloading -> cancelled [answered Closed(Success)]
    tell desired 8 []
lamp-1 confirms 1
    rejected action-finished: the action has ended
# One that nobody was asked about cannot be denied.
terms forced
deploy 1 to lamp-1
    lamp-1: action 2: - -> offered [created]
    lamp-1: tell desired 9 [2: 3=1.0.1#2]
    lamp-1: tell Deploy action 2 attempt 1
lamp-1 denies 2
    rejected not-waiting: the action does not wait for anybody to agree
# Agreeing to all that is to come agrees to what waits, once.
device lamp-2 lamp
terms consent
deploy 1 to lamp-2
    lamp-2: action 3: - -> queued unconfirmed [created]
lamp-2 auto-confirms alice
    stored
    action 3: queued -> queued [confirmed]
lamp-2 auto-confirms bob
    rejected auto-confirm-active: auto-confirmation is active already
lamp-2 poll
    stored
    action 3: queued -> offered [told]
deploy 2 to lamp-2
    lamp-2: action 3: offered -> superseded [superseded]
    lamp-2: action 4: - -> queued [created]
lamp-2 asks-again
    stored
deploy 1 to lamp-2 downgrade
    lamp-2: action 4: queued -> superseded [superseded]
    lamp-2: action 5: - -> queued unconfirmed [created]
