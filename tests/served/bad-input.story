# Refused at once with the reason and the field, and nothing is half made.
devices lamp-1..3 runs 1.0.0 region=eu
devices kettle-1 product kettle runs 1.0.0
image lamp 3 1.0.1
# Thresholds out of range.
rollout {"name": "x", "image": 1, "product": "lamp", "success_percent": 101}
rollout {"name": "x", "image": 1, "product": "lamp", "waves": [{"rest": true, "failure_percent": -1}]}
rollout {"name": "x", "image": 1, "product": "lamp", "percent": 0}
rollout {"name": "x", "image": 1, "product": "lamp", "stop_rules": [{"on": "any", "percent": 0}]}
rollout {"name": "x", "image": 1, "product": "lamp", "weight": 1001}
rollout {"name": "x", "image": 1, "product": "lamp", "pace": {"per_minute": 0}}
rollout {"name": "x", "image": 1, "product": "lamp", "in_flight": {"limit": 0}}
# Filters that do not parse or match nothing.
rollout {"name": "x", "image": 1, "filter": "id=="}
rollout {"name": "x", "image": 1, "filter": "id==nobody"}
rollout {"name": "x", "image": 1, "product": "lamp", "waves": [{"filter": "((", "percent": 10}, {"rest": true}]}
# Overlapping groups, and devices in none.
rollout {"name": "x", "image": 1, "product": "lamp", "waves": [{"filter": "id==lamp-1"}, {"filter": "attribute.region==eu"}]}
rollout {"name": "x", "image": 1, "product": "lamp", "waves": [{"devices": 1}]}
rollout {"name": "x", "image": 1, "product": "lamp", "waves": [{"percent": 60}, {"percent": 60}]}
# Windows that never open, or not before the end.
rollout {"name": "x", "image": 1, "product": "lamp", "window": {"schedule": "0 0 2 1 1 ? 2020", "duration": "01:00:00"}}
rollout {"name": "x", "image": 1, "product": "lamp", "window": {"schedule": "$daily+6h", "duration": "01:00:00"}, "end_at": "$+1h"}
# Ends in the past.
rollout {"name": "x", "image": 1, "product": "lamp", "end_at": "$-1h"}
# An image that a device type cannot take, or that is not there.
rollout {"name": "x", "image": 1, "product": "kettle"}
rollout {"name": "x", "image": 1, "devices": ["lamp-1", "kettle-1"]}
rollout {"name": "x", "image": 9, "product": "lamp"}
rollout {"name": "x", "release": 9, "product": "lamp"}
# A plan over an empty fleet, and one that cannot be.
plan {"name": "x", "image": 1, "product": "toaster"}
plan {"name": "x", "image": 1, "filter": "id==nobody"}
plan {"name": "x", "image": 1, "product": "lamp", "success_percent": 101}
plan {"name": "x", "image": 1, "product": "lamp"}
# Who is no such device.
rollout {"name": "x", "image": 1, "devices": ["lamp-1", "lamp-9"]}
rollout {"name": "x", "image": 1, "devices": []}
list
start 1
