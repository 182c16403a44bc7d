"""The report of a case: findings (the facts), narrative (the sentences), figures and documents.

    findings.py      every fact that may be said, as one versioned, validated document
    schema.py        the types of that document (schema_places.py: of places and sizes); measured.py: a mask's figures in it;
                     revised.py: all of it after a reader's edit of the outlines
    terminology.py   codes of sides, lobes, structures and classes, each with its code system
    wording.py       how things are called, what is always and what is never said
    narrative.py     sentences written from the findings alone, each with JSON pointers (the template: passages.py,
                     places.py, measures.py and changes.py); readers_wording.py: with the reader's own
    languages/       the same in French, German and Spanish: one catalogue, read both ways
    grounding/       whether a text says only what the findings hold
    language_models.py  a narrative by a language model: who was chosen, what stands of the answer (answers.py: its form)
    citations.py     what a checked sentence rests on (claim_places.py); joining.py: what of the template's a model leaves out;
                     lenient.py: answers in another dress; narrated.py: the report of a finished result in its words
    outbound.py      what a language model is given; servers.py: which, where, consent, keys; prices.py: the user's;
                     outgoing_pictures.py: pictures for one that reads them;
                     narrator_options.py: the options of the command line; usage.py: what it took, in a sentence
    chat.py          one question to a server: wire.py (the two interfaces as JSON) and stream.py (over HTTP)
    dialogue.py      questions about a case, answered from its findings (questions.py: what is asked for; dialogue_model.py:
                     answered by a language model)
    commands.py      the commands "check", "narrate" and "ask"; own_lines.py: the lines of a report that are no sentences
    checklist.py     which items of a report on a mass the findings hold
    planes.py        slices in true anatomical orientation
    figures.py       pictures drawn from arrays (drawing.py: one panel; score_figure.py: the bars; check_figures.py,
                     change_figure.py and glass_brain.py: the others)
    documents.py     findings.json, narrative.json, regions.csv, report.html, report.txt, report.pdf (pdf.py), made from
                     content.py, tables.py (model_figures.py: of the model) and the part of run.json in provenance.py
    dicom.py         DICOM objects of a finished result: dicom_images.py, dicom_objects.py and dicom_report.py
    fhir.py          FHIR R4 of it

Nothing is imported here: Slicer's own Python uses ``terminology`` and ``languages`` and has neither pydantic nor matplotlib.
"""
