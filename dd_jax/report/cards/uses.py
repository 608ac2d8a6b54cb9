"""What a set and networks on it are for, and what they are not for."""

FOR_MODEL = (
    "To estimate what training on a distilled set costs in accuracy, privacy, "
    "robustness and fairness, before it is adopted.",
    "To classify images like those of the data set that it was distilled from.",
)
NOT_FOR_MODEL = (
    "Decisions about people, or where an error does harm, on these numbers alone.",
    "Images from other sources, cameras, places or times than those measured.",
    "Classes that are not in the data set: a network names one of its classes always.",
)
FOR_DATA = (
    "To train networks of the architecture that it was distilled for.",
    "To compare and audit distilled sets.",
)
NOT_FOR_DATA = (
    "In place of anonymous data: synthetic images may tell who was in the data.",
    "To train other architectures, unless their accuracy on it was measured.",
    "To describe the real images: the set keeps no rates of classes, groups or "
    "features.",
)
LIMITS = (
    "Intervals over networks or sets do not cover a new draw of the evaluation images; "
    "those over images do not cover another training.",
    "An interval is null where one network was measured.",
    "An attack that finds nothing shows no safety: a stronger one may find more.",
    "Differential privacy protects what its field names, under its assumptions; "
    "labels, counts and the choice of settings are outside of it.",
    "Classes are no groups of people: fairness between groups needs group labels.",
    "A field that is null was not measured, or only the owner of the data knows it.",
)
