# What was denied never starts.
setting rollout.approval.enabled true
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
    201 rollout 1, spring: 1
deny 1 "not in spring"
    200 denied
show 1
    denied (decided by admin: not in spring)
    wave 1 scheduled: 1 waiting
approve 1
    409 rollout-status: rollout 1: a rollout that is denied cannot be approved
start 1
    409 rollout-status: rollout 1: a rollout that is denied cannot be started
explain 1 lamp-1
    denied: the rollout was not approved of by admin: not in spring
lamp-1 asks
    lamp-1: has nothing to do
