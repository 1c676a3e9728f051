"""Small networks that are none of ours, written for these tests; together they have every type of layer."""

HEAD = 'name: "{name}" input: "data" input_dim: 1 input_dim: {c} input_dim: {h} input_dim: {w}\n'


def net(name: str, body: str, c: int = 3, h: int = 13, w: int = 13) -> str:
    return HEAD.format(name=name, c=c, h=h, w=w) + body


def layer(name: str, type: str, bottom: str, top: str = "", param: str = "") -> str:
    bottoms = " ".join(f'bottom: "{b}"' for b in bottom.split())
    tops = " ".join(f'top: "{t}"' for t in (top or name).split())
    return f'layer {{ name: "{name}" type: "{type}" {bottoms} {tops} {param} }}\n'


def conv(name: str, bottom: str, out: int, kernel: int = 3, more: str = "pad: 1") -> str:
    param = f"convolution_param {{ num_output: {out} kernel_size: {kernel} {more} }}"
    return layer(name, "Convolution", bottom, param=param)


def classify(bottom: str, classes: int = 7) -> str:
    param = f"inner_product_param {{ num_output: {classes} }}"
    return layer("fc", "InnerProduct", bottom, param=param) + layer("prob", "Softmax", "fc")


def act(type: str, param: str = "", name: str = "") -> str:
    """A small net around one function of each number, whose input is positive where the function asks for it."""
    start = conv("c1", "data", 6)
    if type in ("Log", "Power"):
        start += layer("up", "Sigmoid", "c1", "c1")
    return net(name or type, start + layer("f", type, "c1", param=param) + classify("f"))


def pool(name: str, param: str, h: int = 13, w: int = 13) -> str:
    body = conv("c1", "data", 5) + layer("p", "Pooling", "c1", param=f"pooling_param {{ {param} }}") + classify("p")
    return net(name, body, h=h, w=w)


NETS: dict[str, str] = {
    "grouped": net(
        "grouped",
        conv("a/3x3_s2", "data", 8, 3, "stride: 2 pad: 1")
        + layer("a/relu", "ReLU", "a/3x3_s2", "a/3x3_s2")
        + conv("b", "a/3x3_s2", 12, 3, "pad: 2 dilation: 2 group: 4 bias_term: false")
        + classify("b"),
    ),
    "oblong": net(
        "oblong",
        layer(
            "1x5",
            "Convolution",
            "data",
            param="convolution_param { num_output: 6 kernel_h: 1 kernel_w: 5 pad_h: 0 pad_w: 2 stride_h: 2 stride_w: 1 }",
        )
        + layer("type", "ReLU", "1x5", "1x5")
        + classify("1x5"),
        h=9,
        w=14,
    ),
    "whole_map": net(
        "whole map",
        conv("c1", "data", 8)
        + layer("r", "ReLU", "c1", "c1")
        + conv("fc6", "c1", 20, 13, "")
        + layer("r6", "ReLU", "fc6", "fc6")
        + conv("fc8", "fc6", 7, 1, "")
        + layer("prob", "Softmax", "fc8"),
    ),
    "bn_scale": net(
        "bn",
        conv("c1", "data", 6, 3, "bias_term: false")
        + layer("bn1", "BatchNorm", "c1", "c1")
        + layer("s1", "Scale", "c1", "c1", "scale_param { bias_term: true }")
        + layer("r1", "ReLU", "c1", "c1")
        + conv("c2", "c1", 5)
        + layer("bn2", "BatchNorm", "c2", param="batch_norm_param { eps: 0.001 }")
        + layer("s2", "Scale", "bn2", param="scale_param { bias_term: false }")
        + layer("bn3", "BatchNorm", "s2")
        + classify("bn3"),
    ),
    "scale_alone": net(
        "scale",
        conv("c1", "data", 6)
        + layer("s", "Scale", "c1", param="scale_param { bias_term: true }")
        + layer("s2", "Scale", "s", param="scale_param { }")
        + classify("s2"),
    ),
    "bn_read_twice": net(
        "twice",
        conv("c1", "data", 6)
        + layer("bn", "BatchNorm", "c1")
        + layer("s", "Scale", "bn", param="scale_param { bias_term: true }")
        + layer("sum", "Eltwise", "bn s")
        + classify("sum"),
    ),
    "lrn_across": net(
        "lrn",
        conv("c1", "data", 9)
        + layer("n", "LRN", "c1", param="lrn_param { local_size: 5 alpha: 0.3 beta: 0.6 k: 2 }")
        + classify("n"),
    ),
    "lrn_within": net(
        "lrn2",
        conv("c1", "data", 6)
        + layer("n", "LRN", "c1", param="lrn_param { local_size: 3 alpha: 0.7 beta: 0.75 norm_region: WITHIN_CHANNEL }")
        + classify("n"),
    ),
    "max_ceil": pool("max ceil", "kernel_size: 3 stride: 2", 14, 13),
    "max_padded": pool("max padded", "pool: MAX kernel_size: 3 stride: 2 pad: 1", 14, 13),
    "average_ceil": pool("ave ceil", "pool: AVE kernel_size: 3 stride: 2", 14, 12),
    "average_padded": pool("ave padded", "pool: AVE kernel_size: 3 stride: 2 pad: 1", 14, 12),
    "average_global": pool("ave global", "pool: AVE global_pooling: true"),
    "max_global": pool("max global", "pool: MAX global_pooling: true", 11, 9),
    "pool_oblong": pool("oblong pool", "pool: AVE kernel_h: 2 kernel_w: 3 stride_h: 2 stride_w: 1 pad_h: 0 pad_w: 1", 13, 10),
    "pool_floor": pool("floor", "pool: MAX kernel_size: 3 stride: 2 round_mode: FLOOR", 14, 14),
    "leaky": act("ReLU", "relu_param { negative_slope: 0.1 }", "leaky"),
    "relu": act("ReLU"),
    "prelu": act("PReLU"),
    "prelu_shared": act("PReLU", "prelu_param { channel_shared: true }", "shared"),
    "elu": act("ELU", "elu_param { alpha: 0.7 }"),
    "sigmoid": act("Sigmoid"),
    "tanh": act("TanH"),
    "abs": act("AbsVal"),
    "bnll": act("BNLL"),
    "power": act("Power", "power_param { power: 1.7 scale: 0.8 shift: 0.3 }"),
    "linear_power": act("Power", "power_param { scale: 0.8 shift: 0.3 }", "linear"),
    "exp": act("Exp", "exp_param { base: 2 scale: 0.3 shift: 0.1 }"),
    "exp_e": act("Exp", "exp_param { scale: 0.3 }", "exp e"),
    "log": act("Log", "log_param { base: 10 scale: 2 shift: 0.5 }"),
    "bias": act("Bias"),
    "sum_coeff": net(
        "coeff",
        conv("a", "data", 6)
        + conv("b", "data", 6, 1, "")
        + layer("s", "Eltwise", "a b", param="eltwise_param { operation: SUM coeff: 1 coeff: -0.5 }")
        + classify("s"),
    ),
    "product": net(
        "prod",
        conv("a", "data", 6)
        + conv("b", "data", 6, 1, "")
        + layer("s", "Eltwise", "a b", param="eltwise_param { operation: PROD }")
        + classify("s"),
    ),
    "maximum": net(
        "max",
        conv("a", "data", 6)
        + conv("b", "data", 6, 1, "")
        + layer("s", "Eltwise", "a b a", param="eltwise_param { operation: MAX }")
        + classify("s"),
    ),
    "concat_slice": net(
        "slices",
        conv("a", "data", 9)
        + layer("sl", "Slice", "a", "x y z", "slice_param { axis: 1 slice_point: 2 slice_point: 5 }")
        + conv("c", "x", 4)
        + layer("cat", "Concat", "y c z x")
        + classify("cat"),
    ),
    "slice_even": net(
        "even", conv("a", "data", 8) + layer("sl", "Slice", "a", "x y") + layer("s", "Eltwise", "x y") + classify("s")
    ),
    "split_flatten": net(
        "flat",
        conv("a", "data", 4)
        + layer("sp", "Split", "a", "a1 a2")
        + layer("f1", "Flatten", "a1")
        + layer("f2", "Reshape", "a2", param="reshape_param { shape { dim: 0 dim: -1 } }")
        + layer("cat", "Concat", "f1 f2")
        + classify("cat"),
    ),
    "softmax_within": net(
        "inner softmax", conv("a", "data", 5) + layer("soft", "Softmax", "a") + layer("s", "Eltwise", "a soft") + classify("s")
    ),
    "dropout": net(
        "dropped",
        conv("a", "data", 5) + layer("d", "Dropout", "a", "a", "dropout_param { dropout_ratio: 0.3 }") + classify("a"),
    ),
    "gate": net(
        "gate",
        conv("a", "data", 6)
        + layer("gap", "Pooling", "a", param="pooling_param { pool: AVE global_pooling: true }")
        + conv("g", "gap", 6, 1, "")
        + layer("gs", "Sigmoid", "g", "g")
        + layer("x", "Scale", "a g", param="scale_param { axis: 0 }")
        + classify("x"),
    ),
    "in_place_chain": net(
        "in place",
        conv("a", "data", 5)
        + layer("r", "ReLU", "a", "a")
        + layer("t", "TanH", "a", "b")
        + layer("s", "Sigmoid", "a", "a")
        + layer("sum", "Eltwise", "a b")
        + classify("sum"),
    ),
    "v1": net(
        "v1",
        'layers { name: "c/1" type: CONVOLUTION bottom: "data" top: "c" blobs_lr: 1 blobs_lr: 2 weight_decay: 1 '
        'weight_decay: 0 convolution_param { num_output: 6 kernel_size: 3 weight_filler { type: "gaussian" std: 0.01 } } }\n'
        'layers { name: "r" type: RELU bottom: "c" top: "c" }\n'
        'layers { name: "p" type: POOLING bottom: "c" top: "p" pooling_param { pool: AVE kernel_size: 3 stride: 2 } }\n'
        'layers { name: "fc" type: INNER_PRODUCT bottom: "p" top: "fc" inner_product_param { num_output: 5 } }\n'
        'layers { name: "prob" type: SOFTMAX bottom: "fc" top: "prob" }\n',
    ),
}
