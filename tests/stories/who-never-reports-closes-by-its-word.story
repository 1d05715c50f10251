# A device that has never reported a version closes on its own word; one that reports has to show the version.

image 1 lamp 3 #2 1.0.1
device quiet lamp
device telling lamp
device late lamp
deploy 1 to quiet telling late
    quiet: action 1: - -> queued [created]
    telling: action 2: - -> queued [created]
    late: action 3: - -> queued [created]
quiet poll
    stored
    action 1: queued -> offered [told]
quiet poll
    stored
quiet retrieved 1
    stored
    action 1: offered -> accepted [retrieved]
quiet retrieved 1
    stored
quiet fb 1 download
    stored
    action 1: accepted -> downloading [said Download]
quiet fb 1 downloaded
    stored
    action 1: downloading -> downloaded [said Downloaded]
quiet fb 1 rejected say=battery-low
    stored
    action 1: downloaded -> downloaded warning [said Rejected: battery-low]
quiet fb 1 success time=7
    stored
    action 1: downloaded -> succeeded warning [said Closed(Success)]
# The answer was lost, and the device says it again; then it changes its mind.
quiet fb 1 success time=7
    repeated
quiet fb 1 none
    repeated
quiet fb 1 failure
    rejected contradicts: the action has ended otherwise
    action 1: succeeded -> succeeded warning [drift Closed(Failure)]
quiet fb 1 proceeding
    rejected action-finished: the action has ended
    action 1: succeeded -> succeeded warning [drift Proceeding]
show quiet
    refused: the action has ended

# It reported once, so its word is not enough from then on.
telling configure merge 2003=1.0.0 hw-revision=B 17=on
    stored
telling poll
    stored
    action 2: queued -> offered [told]
telling fb 2 success
    stored
    action 2: offered -> verifying [said Closed(Success)]
show telling
    type 3: 1.0.0
    attribute 17: on
    attribute hw-revision: B
    type 3: action 2
telling configure merge 2003=1.0.1
    stored
    action 2: verifying -> succeeded [reported]
show telling
    type 3: 1.0.1
    attribute 17: on
    attribute hw-revision: B

# The old version after "success" fails it.
late configure merge 2003=1.0.0
    stored
late fb 3 success
    stored
    action 3: queued -> verifying [said Closed(Success)]
late configure merge 2003=1.0.0
    stored
    action 3: verifying -> failed (not converged) [reported: type 3 runs 1.0.0]

# Attributes: merged, removed without a value, replaced as a whole, and removed by name.
quiet configure merge site=b12 floor=3 17=on
    stored
show quiet
    attribute 17: on
    attribute floor: 3
    attribute site: b12
    refused: the action has ended
quiet configure merge floor
    stored
quiet configure remove 17
    stored
show quiet
    attribute site: b12
    refused: the action has ended
quiet configure replace room=9
    stored
show quiet
    attribute room: 9
    refused: the action has ended

# Somebody else's action looks like one that never was.
quiet fb 2 success
    rejected no-such-action: there is no action 2 for this device
quiet fb 99 success
    rejected no-such-action: there is no action 99 for this device
quiet retrieved 2
    rejected no-such-action: there is no action 2 for this device
