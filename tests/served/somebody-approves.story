# Where the tenant has it so, somebody has to agree before a rollout starts.
setting rollout.approval.enabled true
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
    201 rollout 1, spring: 1
show 1
    waiting-for-approval
    wave 1 scheduled: 1 waiting
start 1
    409 rollout-status: rollout 1: a rollout that is waiting-for-approval cannot be started
explain 1 lamp-1
    waiting-for-approval: the rollout waits until somebody approves of it
approve 1 "go ahead"
    200 ready
1 of wave 1.1 succeed
await list has finished
show 1
    finished (decided by admin: go ahead)
    wave 1 finished: 1 succeeded
