"""The paper's experiments, small enough for a laptop: `tinyunet reproduce`.

`nuclei`, `membranes`, `rates`, `seams` and `torch_race` are the experiments, listed in `experiments`;
`words` has the words they are written in. `schedule` does the runs and `records` keeps them, so that an
interrupted command goes on where it was; `report` turns a folder of records into one HTML file.
"""
