"""The options of every node, a frozen dataclass each. The learner's own stand in
`learning/config.py`. YAML files and launch arguments set them; nothing else does.
"""
