"""Words of French, German and Spanish that word_mutations.py edits, and what a report must never add."""

# What a word of side becomes (one or two forms), and phrases of one side that become both sides.
SIDES = {
    "fr": (
        {"gauche": ("droit", "droite"), "droit": ("gauche",), "droite": ("gauche",)},
        (("du côté gauche du patient", "des deux côtés du patient"), ("du côté droit du patient", "de part et d'autre du patient"),
         ("côté inconnu, aucune ligne médiane n'ayant pu être trouvée", "du côté gauche du patient"),
         ("côté inconnu, aucune ligne médiane n'ayant pu être trouvée", "du côté droit du patient (98,0 % de l'anomalie)"),
         ("de part et d'autre de la ligne médiane", "du côté gauche du patient"),
         ("côté gauche de l'image", "du côté gauche du patient"),
         ("vers la gauche du patient", "vers la ligne médiane"), ("vers la droite du patient", "vers les deux côtés")),
    ),
    "de": (
        {"links": ("rechts",), "rechts": ("links",), "linken": ("rechten",), "rechten": ("linken",), "linke": ("rechte",),
         "rechte": ("linke",)},
        (("auf der linken Seite", "auf beiden Seiten"), ("auf der rechten Seite", "beidseits"),
         ("Seite unbekannt, da keine Mittellinie gefunden werden konnte", "auf der linken Seite des Patienten"),
         ("Seite unbekannt, da keine Mittellinie gefunden werden konnte",
          "auf der rechten Seite des Patienten (98,0 % der Auffälligkeit)"),
         ("beidseits der Mittellinie", "auf der linken Seite"), ("linke Bildseite", "auf der linken Seite des Patienten"),
         ("zur linken Seite des Patienten", "zur Mittellinie"), ("zur rechten Seite des Patienten", "zu beiden Seiten"),
         (" rechts (", " beidseits ("), (" links (", " beidseits (")),
    ),
    "es": (
        {"izquierdo": ("derecho",), "izquierda": ("derecha",), "derecho": ("izquierdo",), "derecha": ("izquierda",)},
        (("en el lado izquierdo", "en ambos lados"), ("en el lado derecho", "en la línea media"),
         ("lado desconocido, pues no se pudo encontrar la línea media", "en el lado izquierdo del paciente"),
         ("lado desconocido, pues no se pudo encontrar la línea media",
          "en el lado derecho del paciente (98,0 % de la anomalía)"),
         ("a ambos lados de la línea media", "en el lado izquierdo"),
         ("lado izquierdo de la imagen", "en el lado izquierdo del paciente"),
         ("hacia la izquierda del paciente", "hacia la línea media"), ("hacia la derecha del paciente", "hacia ambos lados"),
         (" derecho (", " bilateral ("), (" izquierdo (", " bilateral (")),
    ),
}  # fmt: skip
PLACES = {
    "fr": ("pôle frontal", "gyrus frontal moyen", "cortex insulaire", "lobule pariétal supérieur", "gyrus postcentral",
           "région sellaire", "thalamus", "ventricule latéral", "cortex occipital latéral", "hippocampe", "cortex moteur",
           "cortex visuel", "surface cérébrale", "substance blanche"),
    "de": ("Frontalpol", "Gyrus frontalis medius", "Inselrinde", "Lobulus parietalis superior", "Gyrus postcentralis",
           "Sellaregion", "Thalamus", "Seitenventrikel", "lateraler Okzipitalkortex", "Hippocampus", "motorischen Kortex",
           "visuellen Kortex", "Hirnoberfläche", "weiße Substanz"),
    "es": ("polo frontal", "giro frontal medio", "corteza insular", "lóbulo parietal superior", "giro poscentral",
           "región selar", "tálamo", "ventrículo lateral", "corteza occipital lateral", "hipocampo", "corteza motora",
           "corteza visual", "superficie cerebral", "sustancia blanca"),
}  # fmt: skip
WRONG_PLACES = {
    "fr": ("cunéus", "putamen", "pôle temporal", "gyrus lingual", "cervelet"),
    "de": ("Cuneus", "Putamen", "Temporalpol", "Gyrus lingualis", "Kleinhirn"),
    "es": ("cuña", "putamen", "polo temporal", "giro lingual", "cerebelo"),
}
_SCORE = r"(?<=\d,\d\d)(?=[;.)]|$)"
UNITS = {
    "fr": {r"(?<=\d) ml\b": (" mm", " l", " cm", " %", " voxels"), r"(?<=\d) mm\b": (" cm", " ml", " m"),
           r"(?<=\d) %": (" ml", " mm", " voxels"), r"(?<=\d) (?:voxels|pixels)\b": (" ml", " mm", " %"),
           _SCORE: (" ml", " %", " mm")},
    "de": {r"(?<=\d) ml\b": (" mm", " l", " cm", " %", " Voxel"), r"(?<=\d) mm\b": (" cm", " ml", " m"),
           r"(?<=\d) %": (" ml", " mm", " Voxel"), r"(?<=\d) (?:Voxel|Pixel)\b": (" ml", " mm", " %"),
           _SCORE: (" ml", " %", " mm")},
    "es": {r"(?<=\d) ml\b": (" mm", " l", " cm", " %", " vóxeles"), r"(?<=\d) mm\b": (" cm", " ml", " m"),
           r"(?<=\d) %": (" ml", " mm", " vóxeles"), r"(?<=\d) (?:vóxeles|píxeles)\b": (" ml", " mm", " %"),
           _SCORE: (" ml", " %", " mm")},
}  # fmt: skip
CLASSES = {
    "fr": ("gliome", "méningiome", "tumeur hypophysaire"),
    "de": ("Gliom", "Meningeom", "Hypophysentumor"),
    "es": ("glioma", "meningioma", "tumor hipofisario"),
}
TURNS = {
    "fr": (
        (r"\b(est|sont|reste|demeure|donne|mesure|montre|provient|repose)\b", r"ne \1 pas"),
        (r"\bse (projette|situent)\b", r"ne se \1 pas"), (r"\b(a|ont) été\b", r"n'\1 pas été"),
        (r"\bn'a pas été\b", "a été"), (r"\bne (\w+) pas\b", r"\1"), (r"\b[Aa]ucune (?=\w+)", "Une "), (r"\bpas\b", "bien"),
        (r"\b(jugé bon)\b", r"non \1"), (r"\bnon calibrés\b", "calibrés"), (r"\brien\b", "tout"),
        (r"\bne connaît que\b", "ne connaît pas"), (r"^(Une|\d) anomalies? ", r"Pas d'anomalie "),
        (r"\badjacente\b", "non adjacente"), (r"\binconnus?\b", "connu"), (r"\bet\b", "mais pas"), (r" : ", " : pas "),
    ),
    "de": (
        (r"\b(ist|sind|wurde|wurden|liegen|misst|beträgt|ergibt|lautet|zeigt|stammt|beruht)\b", r"\1 nicht"),
        (r"\bprojiziert sich\b", "projiziert sich nicht"), (r"\b([Kk])eine? ", "Eine "), (r"\bnicht ", ""),
        (r"\bNicht\b", "Auch"), (r"\b(gut)\b", r"nicht \1"), (r"\bkalibriert an\b", "nicht kalibriert an"),
        (r"\bnur\b", "nicht nur"), (r"^(Eine|\d) segmentierte", "Keine segmentierte"), (r"\bbenachbart\b", "nicht benachbart"),
        (r"\bunbekannt\b", "bekannt"), (r"\bund\b", "aber nicht"), (r": ", ": nicht "), (r"\bnichts\b", "etwas"),
    ),
    "es": (
        (r"\b(es|son|queda|mide|da|muestra|procede|conoce|beneficia|lautet)\b", r"no \1"),
        (r"\bse (proyecta|registró|calculó|encontró|leyó|solapa|abstiene|nombra)\b", r"no se \1"), (r"\b[Nn]o ", ""),
        (r"\b[Nn]ingun[ao]?\b", "Una"), (r"\b(buena)\b", r"no \1"), (r"\bcalibradas con\b", "no calibradas con"),
        (r"\bsolo\b", "no solo"), (r"^(Una|\d) anomalías? segmentadas?", "Ninguna anomalía segmentada"),
        (r"\badyacente\b", "no adyacente"), (r"\bdesconoc\w+", "conocido"), (r" y ", " pero no "), (r": ", ": no "),
        (r"\bnada\b", "algo"), (r"\b(fue|fueron)\b", r"no \1"),
    ),
}  # fmt: skip
UNTRUE = {
    "fr": ("Il est faux que", "Il n'est pas vrai que", "Ce n'est pas le cas :"),
    "de": ("Es ist falsch, dass", "Es trifft nicht zu, dass", "Das ist nicht der Fall:"),
    "es": ("Es falso que", "No es cierto que", "No es el caso:"),
}
TAILS = {
    "fr": {
        "history": (
            "déjà présente sur l'examen antérieur", "qui a augmenté depuis 2019", "stable par rapport au mois dernier",
            "chez un patient de 54 ans", "connue depuis trois ans", "en récidive après opération",
            "avec des céphalées depuis deux semaines", "le patient se plaint de vertiges", "par rapport au dernier contrôle",
            "apparue récemment", "chez une patiente épileptique", "avec antécédent de cancer du sein",
        ),
        "treatment": (
            "une résection est conseillée", "un contrôle dans trois mois est recommandé", "une biopsie doit être faite",
            "à traiter par radiothérapie", "à discuter en réunion pluridisciplinaire", "il faut donner des corticoïdes",
            "une chimiothérapie est indiquée", "une prise en charge urgente s'impose", "une surveillance suffit",
            "un avis neurochirurgical est nécessaire", "la dose doit être augmentée", "aucun traitement n'est nécessaire",
        ),
        "cause": (
            "parce que le bord est irrégulier", "car le signal est élevé", "en raison de l'œdème", "à cause de son siège",
            "ce qui explique la proposition", "grâce à la prise de contraste", "puisque la lésion est frontale",
            "c'est pourquoi le modèle a choisi cette classe", "le modèle voit une capsule", "dû à l'effet de masse",
            "sous l'effet de la nécrose", "ce qui a conduit le modèle à sa proposition",
        ),
    },
    "de": {
        "history": (
            "wie schon in der Voruntersuchung", "seit 2019 gewachsen", "unverändert zum Vormonat",
            "bei einem 54-jährigen Patienten",
            "seit drei Jahren bekannt", "als Rezidiv nach Operation", "mit Kopfschmerzen seit zwei Wochen",
            "der Patient klagt über Schwindel", "im Vergleich zur letzten Kontrolle", "neu aufgetreten",
            "bei bekannter Epilepsie", "bei Zustand nach Mammakarzinom",
        ),
        "treatment": (
            "eine Resektion wird empfohlen", "eine Kontrolle in drei Monaten ist ratsam", "eine Biopsie sollte erfolgen",
            "zu bestrahlen", "im Tumorboard zu besprechen", "Kortison ist zu geben", "eine Chemotherapie ist angezeigt",
            "dringend abzuklären", "Abwarten genügt", "eine neurochirurgische Vorstellung ist nötig",
            "die Dosis ist zu erhöhen", "eine Behandlung ist nicht nötig",
        ),
        "cause": (
            "weil der Rand unregelmäßig ist", "da das Signal hoch ist", "wegen des Ödems", "aufgrund der Lage",
            "was den Vorschlag erklärt", "dank der Kontrastmittelaufnahme", "denn die Läsion liegt frontal",
            "deshalb wählte das Modell diese Klasse", "das Modell sieht eine Kapsel", "bedingt durch den Masseneffekt",
            "infolge der Nekrose", "was das Modell zu seinem Vorschlag geführt hat",
        ),
    },
    "es": {
        "history": (
            "ya presente en el estudio previo", "que ha crecido desde 2019", "estable respecto al mes pasado",
            "en un paciente de 54 años", "conocida desde hace tres años", "recidiva tras la operación",
            "con cefalea desde hace dos semanas", "el paciente refiere mareos", "en comparación con el último control",
            "de aparición reciente", "en una paciente con epilepsia", "con antecedente de cáncer de mama",
        ),
        "treatment": (
            "se recomienda la resección", "se aconseja un control en tres meses", "debe realizarse una biopsia",
            "para tratar con radioterapia", "a valorar en comité", "hay que dar corticoides", "está indicada la quimioterapia",
            "requiere atención urgente", "basta con observar", "es necesaria una consulta de neurocirugía",
            "debe aumentarse la dosis", "no es necesario ningún tratamiento",
        ),
        "cause": (
            "porque el borde es irregular", "ya que la señal es alta", "debido al edema", "a causa de su localización",
            "lo que explica la sugerencia", "gracias al realce", "pues la lesión es frontal",
            "por eso el modelo eligió esta clase", "el modelo ve una cápsula", "por el efecto de masa",
            "como consecuencia de la necrosis", "lo que llevó al modelo a su sugerencia",
        ),
    },
}  # fmt: skip
INSERTED = {
    "fr": (
        r"\b(?:est|sont|mesure|projette|situent|sera|suivent|repose|donne|été)\b|:",
        ("certainement", "sans aucun doute", "manifestement", "probablement", "vraisemblablement", "typiquement", "clairement"),
    ),
    "de": (
        r"\b(?:ist|sind|misst|sich|liegen|wurde|beträgt|lautet|beruht|ergibt)\b|:",
        ("sicher", "zweifellos", "eindeutig", "wahrscheinlich", "vermutlich", "typischerweise", "offensichtlich"),
    ),
    "es": (
        r"\b(?:es|son|mide|proyecta|queda|fue|registró|basa|da|leyó)\b|:",
        ("ciertamente", "sin duda", "manifiestamente", "probablemente", "verosímilmente", "típicamente", "claramente"),
    ),
}  # fmt: skip
WHOLE = {
    "fr": ("L'anomalie segmentée est compatible avec un gliome.", "Il s'agit certainement d'un gliome.",
           "Aspect typique de méningiome."),
    "de": ("Die Auffälligkeit ist mit einem Gliom vereinbar.", "Es handelt sich sicher um ein Gliom.",
           "Typisches Bild eines Meningeoms."),
    "es": ("La anomalía es compatible con un glioma.", "Se trata sin duda de un glioma.", "Aspecto típico de meningioma."),
}  # fmt: skip
# What is never said in a report, in each language.
NEVER = {
    "fr": (
        "Diagnostic de tumeur maligne", "une lésion bénigne", "grade 2 de l'OMS", "muté IDH", "œdème et nécrose",
        "infiltre le lobe", "une zone éloquente", "parce que", "le modèle reconnaît", "probablement un gliome",
        "confirmé", "normal", "compatible avec", "typique", "urgent", "résection", "traitement", "métastase",
        "en progression", "stable", "pronostic", "adénome", "certainement", "exclut une lésion", "biopsie",
    ),
    "de": (
        "Diagnose: Gliom", "ein gutartiger Herd", "bösartig", "WHO-Grad 2", "IDH-mutiert", "Ödem und Nekrose",
        "infiltriert den Lappen", "eloquentes Areal", "weil", "das Modell erkennt", "wahrscheinlich ein Gliom",
        "bestätigt", "unauffällig", "vereinbar mit", "typisch", "dringend", "Resektion", "Therapie", "Metastase",
        "progredient", "stabil", "Prognose", "Adenom", "sicher", "ausgeschlossen", "Biopsie", "ein Tumor",
        "Hirntumoren",
    ),
    "es": (
        "Diagnóstico de tumor maligno", "una lesión benigna", "grado 2 de la OMS", "IDH mutado", "edema y necrosis",
        "infiltra el lóbulo", "zona elocuente", "porque", "el modelo reconoce", "probablemente un glioma",
        "confirmado", "normal", "compatible con", "típico", "urgente", "resección", "tratamiento", "metástasis",
        "en progresión", "estable", "pronóstico", "adenoma", "seguramente", "descarta una lesión", "biopsia",
    ),
}  # fmt: skip
