"""The glossary: every term that a lesson defines, in bold, with the sentence in which it stands.

It is made from the sources, so it cannot differ from them; `lessons.pages` writes it. Where that
sentence would say little away from its lesson, `lessons.terms` has another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lessons.minutes import FORMULA, HEADING
from lessons.reading import cells, sources
from lessons.terms import TERMS

BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
END = re.compile(r'(?<![A-Z])(?<! al)(?<! vs)[.?!]["*)]*(?= [A-Z(*$`"]|$)')  # of a sentence
BACK = re.compile(
    r"\(?(This|That|These|Those|It|They|Such|Each|And|We|Its|Their|So)\b"
)  # leans on another
LONGEST = 4  # words of a term; what is longer is a sentence
SHORT = 5  # words of a sentence that is too short to define anything
# In bold for stress, or the beginning of an item: no terms.
STEPS = "predict derive write implement check break measure sketch look learns"
STRESSED = f"""
{STEPS} a|both|every|no|middle|add|number|merged|v|training|values|infinity|gathers|stamps|shares|cells
how wrong|in which direction|add up to 0|taken twice|all black|that it trains proves nothing|one cue
large steps are best|step to both sides|hold the decisions|single core|break it on purpose|two cues
loops|whole patches|our bands|our winograd|pytorch|tinyunet, im2col|tinyunet, winograd|rows of $b^t$
highest power first|predicted: cell|predicted: background|against otsu|to the ceiling|split|merge|cut
otsu + components|otsu + distance peaks|perfect mask|perfect mask, parted|against the perfect mask
pretraining|real streets|better than dilation|anything about real images|another seed|missed|thin
check gradients in float64|down the left arm|up the right arm|it is not for free|share right|match
reading becomes writing|convolution with that stride|the question was wrong|more than half of it
never writes into `dy`|the border term|fuse|test with numbers that have no symmetry|seed by seed
the first maximum wins|derive|$d_1$ twice|$\\sigma = 30$|eight looks|the seeds|cores|ghosts|effective
the border term helps a lot|class balance works against it|the product of two polynomials|sketch
one training|last forward, first backward|features|decides|fade with distance|to be fooled|ask
a coin has tossed|the threshold|the bottom|the head
"""
NOT_TERMS = {word.strip() for line in STRESSED.splitlines() for word in line.split("|")}
NOT_TERMS |= set(STEPS.split())


@dataclass
class Entry:
    """A term, the words that define it, and the lessons in which it is bold.

    `worth` is 0 where these are only from the list of what a lesson is for, 2 where they say what it is
    called or what it is, 1 for others.
    """

    term: str
    words: str
    lessons: list[Path]
    worth: int


def entries() -> list[Entry]:
    """Find the terms of all lessons, in alphabetical order."""
    found: dict[str, Entry] = {}
    for source in sources():
        for new in terms(source):
            old = found.setdefault(key(new.term), new)
            if new.worth > old.worth:
                old.words, old.worth = new.words, new.worth
            if source not in old.lessons:
                old.lessons.append(source)
    for name, entry in found.items():
        entry.words = TERMS.get(name, entry.words)
    return sorted(found.values(), key=lambda entry: key(entry.term))


def key(term: str) -> str:
    """Where a term stands in the alphabet, in whatever case it is written."""
    return " ".join(term.lower().split())


def terms(source: Path) -> list[Entry]:
    """Find the bold terms of a lesson, each with the words around it."""
    found, part = [], ""
    for cell in cells(source):
        if not cell.is_text:
            continue
        paragraphs = re.split(r"\n\s*\n|\n(?=- |\d\. |\|)", cell.text)
        around = zip(
            ["", "", *paragraphs],
            ["", *paragraphs],
            paragraphs,
            [*paragraphs[1:], ""],
            strict=False,
        )
        for *before, paragraph, after in around:
            if heading := HEADING.match(paragraph):
                part = heading[1]
            elif part != "Quiz" and not paragraph.startswith("|"):
                is_goal = part.startswith("Lesson ") and paragraph.startswith("- ")
                text = _whole(before, paragraph, after)
                bold = [term for term in BOLD.findall(text) if is_term(term)]
                bold = [term for term in bold if f"**{term}**" in " ".join(paragraph.split())]
                for term in bold:
                    says = words(text, term)
                    worth = 0 if is_goal else 1 + bool(_defines(term).search(says))
                    found.append(Entry(term, says, [source], worth))
    return found


def _whole(before: list[str], paragraph: str, after: str) -> str:
    """A paragraph in a line, with a displayed formula that belongs to it, and what that belongs to."""
    text = re.sub(r"^(- |\d\. )", "", paragraph)
    if not text.rstrip().endswith(".") and after.startswith("$$"):
        text += " " + after
    goes_on = text[:1].islower() or BACK.match(text)
    if goes_on and before[1].startswith("$$"):
        text = " ".join((*before, text))
    return FORMULA.sub(lambda formula: _in_the_line(formula[0]), " ".join(text.split()))


def _defines(term: str) -> re.Pattern:
    bold = re.escape(f"**{term}**")
    return re.compile(
        rf"(called|call it)( an?| the)? {bold}|{bold}( is|:| \(|, | of a)|is the {bold}"
    )


def is_term(bold: str) -> bool:
    """Whether something in bold is a term, and no sentence, step or stressed word."""
    ended = bold.endswith((".", "?", "!", ":"))
    return not ended and len(bold.split()) <= LONGEST and key(bold) not in NOT_TERMS


def words(text: str, term: str) -> str:
    """The sentence in which a term is bold, and the one before where it leans on that."""
    at = text.index(f"**{term}**")
    ends = [0, *(match.end() for match in END.finditer(text)), len(text)]
    begins = [end for end in ends if end <= at]
    begin, end = begins[-1], min(end for end in ends if end > at)
    sentence = text[begin:end].strip()
    if len(begins) > 1 and (BACK.match(sentence) or " does so" in sentence):
        begin = begins[-2]
    elif len(sentence.split()) < SHORT and end < len(text):
        end = min(later for later in ends if later > end)
    sentence = text[begin:end].strip()
    if sentence.startswith("(") and sentence.endswith(")"):
        sentence = sentence[1:-1]
    elif sentence.count("(") > sentence.count(")"):
        sentence = sentence.removeprefix("(")
    elif sentence.count("(") < sentence.count(")"):
        sentence = sentence.removesuffix(")")
    return sentence[0].upper() + sentence[1:].rstrip(";:")


def _in_the_line(formula: str) -> str:
    return "$" + formula.strip("$ \n").rstrip(".,: ") + "$"


def page() -> str:
    """Write the glossary, as Markdown."""
    lines = [
        "# Glossary",
        "",
        "Every term that a lesson defines; the links lead there.",
        "Symbols and formulas are on [one sheet](SHEET.md). This page is made from the lessons.",
    ]
    letter = ""
    for entry in entries():
        first = key(entry.term)[0].upper()
        if first != letter:
            letter = first
            lines += ["", f"## {letter}"]
        links = (f"[lesson {int(path.stem[:2])}]({path.stem}.ipynb)" for path in entry.lessons)
        where, plain = ", ".join(links), entry.words.replace("**", "")
        rest = plain.removeprefix(entry.term)
        lines += ["", f"**{entry.term}**{': ' if rest == plain else ''}{rest} ({where})"]
    return "\n".join(lines) + "\n"
