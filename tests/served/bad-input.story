# Refused at once with the reason and the field, and nothing is half made.
devices lamp-1..3 runs 1.0.0 region=eu
devices kettle-1 product kettle runs 1.0.0
image lamp 3 1.0.1
    201 image 1
# Thresholds out of range.
rollout {"name": "x", "image": 1, "product": "lamp", "success_percent": 101}
    422 bad-rollout success_percent: the rollout cannot be made: success_percent: 101 is not 0 to 100 with at most two decimals
rollout {"name": "x", "image": 1, "product": "lamp", "waves": [{"rest": true, "failure_percent": -1}]}
    422 bad-rollout waves[0].failure_percent: the rollout cannot be made: waves[0].failure_percent: -1 is not 0 to 100 with at most two decimals
rollout {"name": "x", "image": 1, "product": "lamp", "percent": 0}
    422 bad-rollout percent: the rollout cannot be made: percent: is nothing: no device would be selected
rollout {"name": "x", "image": 1, "product": "lamp", "stop_rules": [{"on": "any", "percent": 0}]}
    422 bad-rollout stop_rules[0].percent: the rollout cannot be made: stop_rules[0].percent: is more than nothing
rollout {"name": "x", "image": 1, "product": "lamp", "weight": 1001}
    422 bad-rollout weight: the rollout cannot be made: weight: is 0 to 1000
rollout {"name": "x", "image": 1, "product": "lamp", "pace": {"per_minute": 0}}
    422 bad-rollout pace.per_minute: the rollout cannot be made: pace.per_minute: is not in 1..=10000000 devices a minute
rollout {"name": "x", "image": 1, "product": "lamp", "in_flight": {"limit": 0}}
    422 bad-rollout in_flight.limit: the rollout cannot be made: in_flight.limit: is at least 1
# Filters that do not parse or match nothing.
rollout {"name": "x", "image": 1, "filter": "id=="}
    422 bad-rollout filter: the rollout cannot be made: filter: a value is expected; one with blanks or any of "'();,=!~<> goes in quotes (at byte 4)
rollout {"name": "x", "image": 1, "filter": "id==nobody"}
    422 bad-rollout filter: the rollout cannot be made: filter: no device matches
rollout {"name": "x", "image": 1, "product": "lamp", "waves": [{"filter": "((", "percent": 10}, {"rest": true}]}
    422 bad-rollout waves[0].filter: the rollout cannot be made: waves[0].filter: a field or `(` is expected (at byte 2)
# Overlapping groups, and devices in none.
rollout {"name": "x", "image": 1, "product": "lamp", "waves": [{"filter": "id==lamp-1"}, {"filter": "attribute.region==eu"}]}
    422 bad-rollout waves[1].filter: the rollout cannot be made: waves[1].filter: lamp-1 is in wave 1 as well
rollout {"name": "x", "image": 1, "product": "lamp", "waves": [{"devices": 1}]}
    422 bad-rollout waves: the rollout cannot be made: waves: 2 of 3 devices are in no wave, such as lamp-1, lamp-3
rollout {"name": "x", "image": 1, "product": "lamp", "waves": [{"percent": 60}, {"percent": 60}]}
    422 bad-rollout waves[1].percent: the rollout cannot be made: waves[1].percent: the waves come to more than 100%
# Windows that never open, or not before the end.
rollout {"name": "x", "image": 1, "product": "lamp", "window": {"schedule": "0 0 2 1 1 ? 2020", "duration": "01:00:00"}}
    422 bad-rollout window: the rollout cannot be made: window: there is no maintenance window after the current time
rollout {"name": "x", "image": 1, "product": "lamp", "window": {"schedule": "$daily+6h", "duration": "01:00:00"}, "end_at": "$+1h"}
    422 bad-rollout window: the rollout cannot be made: window: does not open before the end
# Ends in the past.
rollout {"name": "x", "image": 1, "product": "lamp", "end_at": "$-1h"}
    422 bad-rollout end_at: the rollout cannot be made: end_at: is in the past
# An image that a device type cannot take, or that is not there.
rollout {"name": "x", "image": 1, "product": "kettle"}
    422 bad-rollout image: the rollout cannot be made: image: image 1 is not for 1 of the devices, which are of another product (product kettle, the first is kettle-1)
rollout {"name": "x", "image": 1, "devices": ["lamp-1", "kettle-1"]}
    422 bad-rollout image: the rollout cannot be made: image: image 1 is not for 1 of the devices, which are of another product (product kettle, the first is kettle-1)
rollout {"name": "x", "image": 9, "product": "lamp"}
    422 bad-rollout image: the rollout cannot be made: image: there is no image 9
rollout {"name": "x", "release": 9, "product": "lamp"}
    422 bad-rollout release: the rollout cannot be made: release: there is no release 9
# A plan over an empty fleet, and one that cannot be.
plan {"name": "x", "image": 1, "product": "toaster"}
    422 bad-rollout product: the rollout cannot be made: product: there is no device of product toaster
plan {"name": "x", "image": 1, "filter": "id==nobody"}
    422 bad-rollout filter: the rollout cannot be made: filter: no device matches
plan {"name": "x", "image": 1, "product": "lamp", "success_percent": 101}
    422 bad-rollout success_percent: the rollout cannot be made: success_percent: 101 is not 0 to 100 with at most two decimals
plan {"name": "x", "image": 1, "product": "lamp"}
    200 finished
# Who is no such device.
rollout {"name": "x", "image": 1, "devices": ["lamp-1", "lamp-9"]}
    422 bad-rollout devices[1]: the rollout cannot be made: devices[1]: there is no device lamp-9
rollout {"name": "x", "image": 1, "devices": []}
    422 bad-rollout devices: the rollout cannot be made: devices: no device is left
list
start 1
    404 no-such-rollout: there is no rollout 1
