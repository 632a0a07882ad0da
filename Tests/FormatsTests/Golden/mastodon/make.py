# What mastodon-reader (PyPI, 0.3.1) finds in the real projects of HOWDAH_DATA: numbers of spots and links, the
# first and the last of them (as float32), and how many carry each tag.
#
#     HOWDAH_DATA=... python3 make.py > reader.json
import glob
import json
import os

from mastodon_reader import MastodonReader

root = os.environ["HOWDAH_DATA"]
names = ["x", "y", "z", "t", "c_11", "c_12", "c_13", "c_22", "c_23", "c_33", "bsrs"]


def facts(path):
    _, spots, links, sets = MastodonReader(path).read(features=False)
    some = sorted({0, len(spots) // 2, len(spots) - 1}) if len(spots) else []
    return {
        "spots": len(spots),
        "links": len(links),
        "some": {str(i): [float(spots.iloc[i][n]) for n in names] for i in some},
        "firstLinks": [[int(r.source_idx), int(r.target_idx)] for r in links.sort_values("id").head(20).itertuples()],
        "tags": {
            s["name"]: {
                t["label"]: [
                    int((spots[s["name"] + "_ID"] == t["id"]).sum()),
                    int((links[s["name"] + "_ID"] == t["id"]).sum()),
                ]
                for t in s["tags"]
            }
            for s in sets
        },
    }


files = sorted(glob.glob(root + "/**/*.mastodon", recursive=True))
print(json.dumps({os.path.relpath(f, root): facts(f) for f in files}, ensure_ascii=False))
