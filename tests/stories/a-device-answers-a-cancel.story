# The answer to a cancel speaks about the cancel: "closed, success" ends the action as cancelled.

image 1 lamp 3 #2 1.0.1
device a lamp
device b lamp
device c lamp
deploy 1 to a b c
    a: action 1: - -> queued [created]
    b: action 2: - -> queued [created]
    c: action 3: - -> queued [created]
a poll
    stored
    action 1: queued -> offered [told]
b poll
    stored
    action 2: queued -> offered [told]
c poll
    stored
    action 3: queued -> offered [told]
# Nothing was called off.
a answer 1 success
    rejected no-cancel-pending: no cancel is pending
    action 1: offered -> offered [drift Closed(Success)]
cancel 1
    stored
    action 1: offered -> offered cancelling [cancel asked]
a answer 1 proceeding
    stored
    action 1: offered -> offered cancelling [answered Proceeding]
a answer 1 canceled
    stored
    action 1: offered -> offered warning cancelling [answered Canceled]
a answer 1 success time=3
    stored
    action 1: offered -> cancelled warning [answered Closed(Success)]
a answer 1 success time=3
    repeated
a answer 1 none
    repeated
a answer 1 failure
    rejected contradicts: the action has ended otherwise
    action 1: cancelled -> cancelled warning [drift Closed(Failure)]
a answer 1 proceeding
    rejected action-finished: the action has ended
    action 1: cancelled -> cancelled warning [drift Proceeding]

# The device cannot stop any more: the action goes on.
cancel 2
    stored
    action 2: offered -> offered cancelling [cancel asked]
b answer 2 failure
    stored
    action 2: offered -> offered [answered Closed(Failure)]
# The same words about a second cancel are no repeat.
cancel 2
    stored
    action 2: offered -> offered cancelling [cancel asked]
b answer 2 rejected time=5
    stored
    action 2: offered -> offered [answered Rejected]
b answer 2 rejected time=5
    repeated
cancel 2
    stored
    action 2: offered -> offered cancelling [cancel asked]
b answer 2 rejected time=5
    stored
    action 2: offered -> offered [answered Rejected]
b fb 2 success
    stored
    action 2: offered -> succeeded [said Closed(Success)]
b answer 2 success
    rejected no-cancel-pending: no cancel is pending
    action 2: succeeded -> succeeded [drift Closed(Success)]

# The installation wins the race.
cancel 3
    stored
    action 3: offered -> offered cancelling [cancel asked]
c fb 3 success
    stored
    action 3: offered -> succeeded [said Closed(Success)]
c answer 3 success
    rejected no-cancel-pending: no cancel is pending
    action 3: succeeded -> succeeded [drift Closed(Success)]
