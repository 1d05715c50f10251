# Download only: who has fetched it has done everything.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "mode": "download-only"}
    201 rollout 1, spring: 1
await show 1 has "1 active"
lamp-1 asks
    lamp-1: bApp 1.0.1: download forced, update skip
lamp-1 fetches
lamp-1 has fetched
await list has finished
show 1
    finished
    wave 1 finished: 1 succeeded
explain 1 lamp-1
    succeeded: the device runs the target; action 1 brought it
