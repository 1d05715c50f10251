# At MQTT `rejected` and `canceled` answer a pending cancel. At DDI they are about the deployment, and the cancel, which has
# a path of its own, goes on.

image 1 lamp 3 #2 1.0.1
device mqtt-1 lamp
device mqtt-2 lamp
device ddi-1 lamp
deploy 1 to mqtt-1 mqtt-2 ddi-1
    mqtt-1: action 1: - -> queued [created]
    mqtt-2: action 2: - -> queued [created]
    ddi-1: action 3: - -> queued [created]
mqtt-1 poll
    stored
    action 1: queued -> offered [told]
mqtt-2 poll
    stored
    action 2: queued -> offered [told]
ddi-1 poll
    stored
    action 3: queued -> offered [told]
cancel 1
    stored
    action 1: offered -> offered cancelling [cancel asked]
mqtt-1 fb 1 rejected
    stored
    action 1: offered -> offered [said Rejected]
cancel 2
    stored
    action 2: offered -> offered cancelling [cancel asked]
mqtt-2 fb 2 canceled
    stored
    action 2: offered -> cancelled [said Canceled]
cancel 3
    stored
    action 3: offered -> offered cancelling [cancel asked]
ddi-1 ddi 3 rejected say=busy
    stored
    action 3: offered -> offered warning cancelling [said Rejected: busy]
ddi-1 ddi 3 canceled
    stored
    action 3: offered -> offered warning cancelling [said Canceled]
ddi-1 answer 3 canceled
    stored
    action 3: offered -> offered warning cancelling [answered Canceled]
ddi-1 answer 3 rejected
    stored
    action 3: offered -> offered warning [answered Rejected]
cancel 3
    stored
    action 3: offered -> offered warning cancelling [cancel asked]
ddi-1 answer 3 none
    stored
    action 3: offered -> cancelled warning [answered Closed(None)]
stands ddi-1
    InSync: assigned nothing, installed nothing, attributes wanted
# The installation may win the race.
device ddi-2 lamp
deploy 1 to ddi-2
    ddi-2: action 4: - -> queued [created]
ddi-2 poll
    stored
    action 4: queued -> offered [told]
cancel 4
    stored
    action 4: offered -> offered cancelling [cancel asked]
ddi-2 ddi 4 success
    stored
    action 4: offered -> succeeded [said Closed(Success)]
ddi-2 answer 4 success
    rejected no-cancel-pending: no cancel is pending
    action 4: succeeded -> succeeded [drift Closed(Success)]
stands ddi-2
    InSync: assigned image 1, installed image 1, attributes wanted
