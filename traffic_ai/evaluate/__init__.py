"""What a run reported against what truly happened.

The pure core, which knows no file:

    from traffic_ai.evaluate.core import evaluate
    from traffic_ai.evaluate.judging import Parameters
    from traffic_ai.evaluate.report import Report
    from traffic_ai.evaluate.summary import summarize
    from traffic_ai.evaluate.truth_document import truth_of

    report = evaluate(
        records,        # Sequence[Violation], straight from the rules or read from a store
        near_misses,    # Sequence[NearMiss]
        truth,          # Truth; truth_of(document) makes one of a truth document
        parameters,     # Parameters.of(camera_site.rules, scene): what the run had to report
        tracks,         # Mapping[int, BoxPath] by track id, optional: BoxPath.of_track(track)
    )
    pooled = Report.merge(reports)
    figures = summarize(pooled)

`run.py` reads a run folder for it, `tracking.py` scores tracks, `table.py` and `page.py` show the
result.
"""
