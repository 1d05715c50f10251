# A device that comes back during the pause is told nothing, and nobody is taken on; what was told goes on.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "waves": [{"devices": 2}, {"rest": true}]}
await show 1 has "2 active"
members 1
explain 1 lamp-1
explain 1 lamp-2
explain 1 lamp-3
1 of wave 1.1 begin
pause 1
lamp-1..3 ask
1 of wave 1.1 succeed
await show 1 has "1 succeeded"
show 1
explain 1 lamp-1
explain 1 lamp-2
explain 1 lamp-3
lamp-1..3 ask
resume 1
1 of wave 1.1 succeed
1 of wave 1.2 succeed
await list has finished
show 1
