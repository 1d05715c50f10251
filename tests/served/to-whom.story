# By list, by product, by filter over what is known of devices.
devices lamp-1..2 product lamp runs 1.0.0 region=eu
devices lamp-3 product lamp runs 1.1.0
devices lamp-4 product lamp
devices kettle-1 product kettle runs 1.0.0
image lamp 3 1.2.0
    201 image 1
rollout {"name": "list", "image": 1, "devices": ["lamp-1", "lamp-4"]}
    201 rollout 1, list: 2
rollout {"name": "product", "image": 1, "product": "lamp"}
    201 rollout 2, product: 4
rollout {"name": "filter", "image": 1, "filter": "attribute.region==eu,id==lamp-3"}
    201 rollout 3, filter: 3
rollout {"name": "version", "image": 1, "filter": "product==lamp;version.3==1.0.0"}
    201 rollout 4, version: 2
members 1
    wave 1: lamp-1 waiting, lamp-4 waiting
members 2
    wave 1: lamp-1 waiting, lamp-2 waiting, lamp-3 waiting, lamp-4 waiting
members 3
    wave 1: lamp-1 waiting, lamp-2 waiting, lamp-3 waiting
members 4
    wave 1: lamp-1 waiting, lamp-2 waiting
