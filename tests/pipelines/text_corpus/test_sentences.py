from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kc_schema.anchors import Anchor
from pipelines.text_corpus.sentences import split_sentences

# One case a line; "|" stands where one sentence ends and the next begins.
HARD_CASES = """
3. Find the key.
He plays for Ft. Worth. | Then he left.
Mt. Everest is high. | St. Louis is large. | Ste. Anne is small.
There are three kinds: (1) the red ones; (2) the green ones; and (3) the rest. | None is blue.
It melts as Na (g) + KCl (l) does. | The mean is (1/2 · 3) + (1/2 · 5). | It is four.
See masc. = masculine, pl. = plural. | A letter stands for each.
They cited a case (7th Cir. 2007) in court. | It was short.
It is near the road (it can be reached from the highway.) | There is a second road. | It is longer.
It is made by one firm (Stone and Sons Inc.) In it was gold.
See vol. 3. | It is approx. 5 km away. | It cost approx. $5 million.
It appeared in Vol. II of the series. | It was bound in Vol. 7.
The length is 10 ft. | The hill rises 50 ft. | It is green.
See fig. 3 and ch. 4 of the book, pp. 7–9. | The rest is lost.
No. 5 was the first. | No. | He left. | No. 2 came later.
He asked for more and she said yes. | 5 people left.
J. R. R. Tolkien wrote it. | W. E. B. Du Bois read it.
J.R.R. Tolkien wrote it. | George R. R. Martin and C. S. Lewis did not.
George W. Bush met Harry S. Truman. | H. G. Wells was away.
He took vitamin C. | It helped him. | Plan B. | The plan failed.
Roe v. Wade was decided in 1973. | In Brown v. Board of Education the court agreed.
It was Ali vs. Frazier. | The bout was long.
The castle (built c. 1900) stands. | It is fl. 340 BC. | He died c. 45 BC.
The essays (ed. Smith) sold well. | See the 2nd ed. London, 1901. | It had a 3rd ed. | The book was long.
Many animals, e.g. Cats, purr. | Some, i.e. Dogs, bark. | Others, cf. Birds, sing.
Apples, pears, etc. | The end was near. | Apples etc. are fruit.
The U.S. Senate met. | U.S. Route 5 runs north. | He left the U.S. | In 1990 he came back.
The U.K. Parliament and the U.N. Secretary agreed. | The U.S.S.R. | It fell.
She has a Ph.D. | He has an M.A. degree. | They live in Washington, D.C. | The city is large.
He woke at 5 a.m. | The sun rose. | It set at 6 p.m. Eastern time.
He joined Apple Inc. | He left IBM Corp. | The firm grew. | Apple Inc. reported a loss.
Martin Luther King Jr. Day is in January. | He met Martin Luther King Jr. | He was moved.
Warner Bros. Records is a label. | It was sold by Warner Bros. | The studio stayed.
Gen. Smith and Lt. Col. Jones met Rev. Green and Gov. White. | Maj. Gen. Brown came too.
Mr. and Mrs. Smith met Dr. Jones, Prof. White and Profs. Black and Grey. | Sens. Blue and Red sat.
Mr. T was there. | Then Mr. T. left.
It ended in 44 B.C. | Then came Augustus. | It was A.D. 500. | The year passed.
Louis XIV. | He was king. | World War II. | It ended. | Elizabeth II. | She reigned.
On Jan. 5 it rained. | On Sept. 11 it did not. | In Dec. 1900 it snowed.
He was born in St. Petersburg. | Twelve people died. | 3 survived.
The company Yahoo! was founded in 1994. | He watched Jeopardy! every day.
Panic! at the Disco played. | He starred in Who's Afraid of Virginia Woolf? at the theatre.
E. coli is a bacterium. | P. falciparum is a parasite. | T. rex lived long ago.
The toads (Bufo spp. and others) croak. | So does Rana sp. nov. from Peru.
It costs $3.5 million. | He paid 5.5. | Then he left. | Node.js is good. | Visit example.com. | It works.
Did he go?! | Yes! | No? | Maybe. | He did not... | Or did he?
Wait... what? | He paused. | Then he spoke.
He left.[2] | Then he came back.
Smith et al. (2001) said so. | Jones et al. | The paper is lost.
The firm announced it. | iPhone sales rose. | eBay fell.
There are many stars. | δ Arietis is one of them. | λ Arietis is another.
The Natl. Academy and the Univ. Press agreed. | The Dept. of State did not.
Symphony No. 5 in C minor, Op. 67. | It is long. | It precedes Op. 68.
He said "A b. C d." | Then he left. | Yes.
(First sentence. | Second sentence.) | Third one.
(A remark stands here.) | The text goes on.
"The first is here. | The second is here. | The third is here." | He said so.
“The first is here. | The second is here.” | He said so.
He asked "Why is it so?" | She did not know. | "Go away!" he said.
He said "Hello there." and left. | She stayed.
He said, "Go. Now." | Then he left.
It was (see vol. 2 there.) Lost again. | It was found.
The thing (it was old. It was broken) was sold. | Nobody knew.
The album "Help!" by the band sold well. | It was long.
The song "What a Day!" is short. | It is old.
"What is the matter with you?" he asked. | "Nothing is wrong." | He smiled.
Frank "Buddy" Jr. Smith sang. | George ("Geo.") White danced.
He (b. 5 Dec. 1900; d. 1950) left. | His wife (née Jones) stayed.
Height 5 ft 3 in. | The record is 6 ft. | It stands.
The ship, USS Maine, sank. | HMS No. 5 did not.
He lived at No. 10. | The house is old. | It is on Elm St. | The street is short.
See Smith, Vol. 7; Vol. 8; and Nos. 3 and 4. | They are rare.
It was 5 km. | North of it lies a hill. | It is 3 mi. | The road ends.
"""
CASES = [line for line in HARD_CASES.strip().splitlines() if line]


@pytest.mark.parametrize("case", CASES)
def test_hard_cases(case: str) -> None:
    expected = case.split(" | ")
    text = " ".join(expected)
    assert [text[start:end] for start, end in split_sentences(text)] == expected


def test_there_are_enough_hard_cases() -> None:
    assert len(CASES) >= 60


def test_a_long_quotation_inside_a_sentence_is_cut() -> None:
    inner = [f"This is sentence {number} of a very long speech that went on and on." for number in range(3)]
    text = f'In the end he rose and said to all who sat around the table there: "{" ".join(inner * 2)}" So it was.'
    assert len(text) > 300
    sentences = [text[start:end] for start, end in split_sentences(text)]
    assert len(sentences) == 7
    assert sentences[-1] == "So it was."


class TestAnchors:
    def test_no_sentence_ends_inside_an_anchor(self) -> None:
        text = "He saw Who is it? He left. The play and Oh, No! The Musical ran. Then it closed."
        titles = ("Who is it? He left.", "Oh, No! The Musical")
        anchors = [Anchor(text.index(title), text.index(title) + len(title), "X") for title in titles]
        assert [text[start:end] for start, end in split_sentences(text, anchors)] == [
            "He saw Who is it? He left.",
            "The play and Oh, No! The Musical ran.",
            "Then it closed.",
        ]

    def test_a_sentence_may_end_with_an_anchor(self) -> None:
        text = "He saw Wham! They left."
        assert split_sentences(text, [Anchor(7, 12, "Wham!")]) == [(0, 12), (13, 23)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Programs use the .NET Framework and ASP.NET today. Then they end.",
            ["Programs use the .NET Framework and ASP.NET today.", "Then they end."],
        ),
        ("White plays 15...Nf4 instead. Black won.", ["White plays 15...Nf4 instead.", "Black won."]),
        ("MUL.APIN is a text. It is old.", ["MUL.APIN is a text.", "It is old."]),
        (
            "A Jeopardy!-style game. He rightly!—that is so.",
            ["A Jeopardy!-style game.", "He rightly!—that is so."],
        ),
        ("He was in Dr. No and Dr. Who. She left.", ["He was in Dr. No and Dr. Who.", "She left."]),
        ("It was over. ’Twas the night. They slept.", ["It was over.", "’Twas the night.", "They slept."]),
        # A space that was forgotten.
        ("It was mulch residue.Weathering follows.", ["It was mulch residue.", "Weathering follows."]),
        ("See www.StandardsPortal.org today.", ["See www.StandardsPortal.org today."]),
        ("It ended. 'Twas late. Then.", ["It ended.", "'Twas late.", "Then."]),
    ],
)
def test_no_sentence_ends_inside_a_word_and_an_opening_mark_belongs_to_what_follows(
    text: str, sentences: list[str]
) -> None:
    assert [text[start:end] for start, end in split_sentences(text)] == sentences


class TestOtherLanguages:
    @pytest.mark.parametrize(
        ("language", "text", "sentences"),
        [
            (
                "de",
                "Er kam am 3. Mai. Dann ging er z. B. heim.",
                ["Er kam am 3. Mai.", "Dann ging er z. B. heim."],
            ),
            ("ja", "今日は晴れです。明日は雨です。", ["今日は晴れです。", "明日は雨です。"]),
            ("hi", "यह पहला है। यह दूसरा है।", ["यह पहला है।", "यह दूसरा है।"]),
            ("tlh", "One is here. Two is here.", ["One is here.", "Two is here."]),
            # No cut inside a word, nor behind an abbreviation of the language.
            ("it", "Nel 44 a.C. Cesare morì. Fu la fine.", ["Nel 44 a.C. Cesare morì.", "Fu la fine."]),
            ("it", "Nel 3 a.C. Il re partì.", ["Nel 3 a.C.", "Il re partì."]),
            ("it", "Il sig. Rossi. cfr. Bianchi.", ["Il sig. Rossi. cfr. Bianchi."]),
            ("bg", "През 5 в. пр.н.е. беше. И така.", ["През 5 в. пр.н.е. беше.", "И така."]),
            ("fr", "Il vit M. Dupont hier. Il rit.", ["Il vit M. Dupont hier.", "Il rit."]),
            ("fr", "Mgr. Dupont vint. La suite.", ["Mgr. Dupont vint.", "La suite."]),
            ("pl", "W 1920 r. w Polsce. Tak było.", ["W 1920 r. w Polsce.", "Tak było."]),
            ("pl", "Było to w 1930 r. W Polsce.", ["Było to w 1930 r.", "W Polsce."]),
            ("ru", "Это т. е. так. Да.", ["Это т. е. так.", "Да."]),
            ("pt", "Nos E.U.A. vive o Sr. Silva. Sim.", ["Nos E.U.A. vive o Sr. Silva.", "Sim."]),
            ("es", "En EE.UU. vive el Sr. Ruiz. El fin.", ["En EE.UU. vive el Sr. Ruiz.", "El fin."]),
            ("nl", "Dat is mr. Jansen. Hij ging.", ["Dat is mr. Jansen.", "Hij ging."]),
            ("ja", "K.I.T.T.は車である。次の文。", ["K.I.T.T.は車である。", "次の文。"]),
            ("ja", "「すごい!」と言った。すごい!次は。", ["「すごい!」と言った。", "すごい!", "次は。"]),
            ("zh", "他说：“好。”然后走了。再见！", ["他说：“好。”", "然后走了。", "再见！"]),
            ("hi", "डॉ. प्रसाद आए। वे गए।", ["डॉ. प्रसाद आए।", "वे गए।"]),
            ("ar", "قال د. أحمد ذلك. ثم ذهب.", ["قال د. أحمد ذلك.", "ثم ذهب."]),
            ("sv", "Det är .NET och ASP.NET idag. Slut.", ["Det är .NET och ASP.NET idag.", "Slut."]),
            # Initials of names; a letter that ends a sentence.
            ("it", "Lo scoprì W. Weintraub con T. R. Rossi. Poi B. Verdi.",
             ["Lo scoprì W. Weintraub con T. R. Rossi.", "Poi B. Verdi."]),
            ("it", "Usano il C. Nella villa di S. Maria Novella.",
             ["Usano il C.", "Nella villa di S. Maria Novella."]),
            ("fr", "Selon J. R. Dupont, c'est vrai. L'été vint.", ["Selon J. R. Dupont, c'est vrai.", "L'été vint."]),
            ("de", "Der Maler C. D. Friedrich malte. Das war 1820.",
             ["Der Maler C. D. Friedrich malte.", "Das war 1820."]),
            ("es", "Lo dijo J. L. Borges ayer. Así fue.", ["Lo dijo J. L. Borges ayer.", "Así fue."]),
            ("pt", "Foi D. Pedro II. Depois saiu.", ["Foi D. Pedro II.", "Depois saiu."]),
            ("ru", "Его написал А. С. Пушкин. Это роман Л. Толстого.",
             ["Его написал А. С. Пушкин.", "Это роман Л. Толстого."]),
            ("pl", "Napisał to H. Sienkiewicz. Był pisarzem.", ["Napisał to H. Sienkiewicz.", "Był pisarzem."]),
            # Ordinal numbers with a full stop.
            ("de",
             "Im 19. Jahrhundert regierte Ludwig XIV. Im Jahr 1900 nicht mehr. Es war 1945. Der Krieg endete.",
             ["Im 19. Jahrhundert regierte Ludwig XIV.", "Im Jahr 1900 nicht mehr.", "Es war 1945.",
              "Der Krieg endete."]),
            ("de", "Nach dem 2. Weltkrieg kam Papst Johannes XXIII. Roncalli.",
             ["Nach dem 2. Weltkrieg kam Papst Johannes XXIII. Roncalli."]),
            ("da", "Det var den 3. Maj. Den var kold.", ["Det var den 3. Maj.", "Den var kold."]),
            ("it", "Arrivò nel gruppo 3. Marco vinse.", ["Arrivò nel gruppo 3.", "Marco vinse."]),
            # Units, abbreviations and dates that end a sentence, told by the word behind them.
            ("it", "Volano a 122 km/h. Alcuni salgono. Visse nel II secolo a.C. L'astronomo morì.",
             ["Volano a 122 km/h.", "Alcuni salgono.", "Visse nel II secolo a.C.", "L'astronomo morì."]),
            ("it", "Disse: «Vieni! Il re è qui» e partì.", ["Disse: «Vieni! Il re è qui» e partì."]),
            ("it", "Chiede (cfr. Il libro) dov'è. Fine.", ["Chiede (cfr. Il libro) dov'è.", "Fine."]),
            ("it", 'La canzone "How many roads?" (Quante strade) piacque.',
             ['La canzone "How many roads?" (Quante strade) piacque.']),
            ("de", "Er wiegt ca. 30 kg. Seit 1990 lebt er in St. Gallen.",
             ["Er wiegt ca. 30 kg.", "Seit 1990 lebt er in St. Gallen."]),
            ("de", "Das gilt v. a. für Wien, u. a. auch für Graz usw. Sie wachsen.",
             ["Das gilt v. a. für Wien, u. a. auch für Graz usw.", "Sie wachsen."]),
            ("fr", "Il naît vers 50 av. J.-C. Selon M. Curie, etc. C'est tout.",
             ["Il naît vers 50 av. J.-C.", "Selon M. Curie, etc.", "C'est tout."]),
            ("es", "El Excmo. Sr. Ruiz llegó a la Avda. Mayor. No había nadie.",
             ["El Excmo. Sr. Ruiz llegó a la Avda. Mayor.", "No había nadie."]),
            ("pt", "A Profa. Silva mora na Av. Paulista. O prédio é alto.",
             ["A Profa. Silva mora na Av. Paulista.", "O prédio é alto."]),
            ("ru", "Это было в 1-й пол. XIX в. В 1850 г. родился царь. Он жил на ул. Ленина.",
             ["Это было в 1-й пол. XIX в.", "В 1850 г. родился царь.", "Он жил на ул. Ленина."]),
            ("ru", "В 3 тыс. до н. э. люди жили и т. д. и т. п. Потом ушли.",
             ["В 3 тыс. до н. э. люди жили и т. д. и т. п.", "Потом ушли."]),
            ("pl", "Leży w woj. Śląskim, np. w Bytomiu. Ma 5 tys. mieszkańców.",
             ["Leży w woj. Śląskim, np. w Bytomiu.", "Ma 5 tys. mieszkańców."]),
            ("bg", "Годините се бележат с „пр.Хр.“ или с „пр.н.е.“ (преди новата ера). След това е друго.",
             ["Годините се бележат с „пр.Хр.“ или с „пр.н.е.“ (преди новата ера).", "След това е друго."]),
            ("ja", "J. K. ローリングとMr. Childrenは有名。「そう。」と言った。",
             ["J. K. ローリングとMr. Childrenは有名。", "「そう。」と言った。"]),
            ("zh", "他是Dr. Strange。他说“你好！”（笑）。", ["他是Dr. Strange。", "他说“你好！”（笑）。"]),
            # Articles and initials before an abbreviation, numbers behind one, one that begins a sentence.
            ("de", "Er kaufte die A. Muster & Cie. Motorenwerke. Laut Abschn. III ist das so.",
             ["Er kaufte die A. Muster & Cie. Motorenwerke.", "Laut Abschn. III ist das so."]),
            ("fr", "J.-J. Dupont joue pour l'A.S. Nulle-Part. Voir t. II du livre.",
             ["J.-J. Dupont joue pour l'A.S. Nulle-Part.", "Voir t. II du livre."]),
            ("es", "El edificio es del s. XII y el cap. IV trata de él. El fin.",
             ["El edificio es del s. XII y el cap. IV trata de él.", "El fin."]),
            ("pl", "Kościół stoi przy pl. Nowym. Św. Jan jest patronem.",
             ["Kościół stoi przy pl. Nowym.", "Św. Jan jest patronem."]),
            ("ru", "Т. е. Река там шире. Им. Иванова названа улица.",
             ["Т. е. Река там шире.", "Им. Иванова названа улица."]),
            # A dash with small letters behind an end.
            ("pt", "Livros, jornais, etc. — ou nada. Fim.", ["Livros, jornais, etc. — ou nada.", "Fim."]),
            ("ru", "— Да! — сказал он. — Нет.", ["— Да! — сказал он.", "— Нет."]),
            ("pl", "- Tak! - rzekł. Wyszedł.", ["- Tak! - rzekł.", "Wyszedł."]),
            # A number alone numbers what follows.
            ("fr", "12. Il vint. 13. Il resta en 1900. Fin.", ["12. Il vint.", "13. Il resta en 1900.", "Fin."]),
            # Names that end in a full stop, and marks that close behind one.
            ("ja", "花組。の曲は『木の名は。』に似る。『えいっ!』は本。は虫類だ。",
             ["花組。の曲は『木の名は。』に似る。", "『えいっ!』は本。", "は虫類だ。"]),
            ("zh", "《树的名字。》是电影。他看了。", ["《树的名字。》是电影。", "他看了。"]),
            ("hi", "पी. वी. नरसिंह राव प्रधानमंत्री थे। वे गए।", ["पी. वी. नरसिंह राव प्रधानमंत्री थे।", "वे गए।"]),
            ("ar", "قال أ.د. أحمد ذلك في ص. 5 هنا. ثم ذهب.", ["قال أ.د. أحمد ذلك في ص. 5 هنا.", "ثم ذهب."]),
        ],
    )  # fmt: skip
    def test_they_are_split_by_their_own_rules(self, language: str, text: str, sentences: list[str]) -> None:
        assert [text[start:end] for start, end in split_sentences(text, (), language)] == sentences

    def test_the_rules_of_english_are_not_theirs(self) -> None:
        text = "Ende hier. und dann."
        assert len(split_sentences(text, (), "en")) == 1
        assert len(split_sentences(text, (), "tlh")) == 2


@pytest.mark.parametrize("text", ["", " ", "\n\n \t", "\u00a0"])
def test_nothing_has_no_sentences(text: str) -> None:
    assert split_sentences(text) == []


def test_long_paragraphs_are_split_as_short_ones_are() -> None:
    sentence = "The sentence number one of them is not the last of all. "
    assert len(split_sentences(sentence * 2000)) == 2000


def test_lines_are_not_joined() -> None:
    text = "the first line.\nand the second."
    assert [text[start:end] for start, end in split_sentences(text)] == ["the first line.", "and the second."]


WORDS = st.sampled_from(
    [
        *"AbZé漢🙂δ.!?…\"“”()[]«»'\n1",
        " ",
        " ",
        "\n",
        "No.",
        "Ft.",
        "e.g.",
        "U.S.",
        "vol.",
        "He",
        "go",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(WORDS, max_size=60).map(" ".join),
    st.lists(WORDS, max_size=60).map("".join),
)


@st.composite
def linked_texts(draw: st.DrawFn) -> tuple[str, list[Anchor]]:
    text = draw(TEXTS)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    return text, [Anchor(start, end, "X") for start, end in zip(cuts[::2], cuts[1::2], strict=False)]


@given(linked_texts(), st.sampled_from(["en", "de", "ja", "it", "ru"]))
def test_only_white_space_between_sentences_is_lost(linked: tuple[str, list[Anchor]], language: str) -> None:
    text, anchors = linked
    spans = split_sentences(text, anchors, language)
    done = 0
    for start, end in spans:
        assert done <= start < end
        assert not text[done:start].strip()
        assert text[start:end] == text[start:end].strip()
        done = end
    assert not text[done:].strip()
    for anchor in anchors:
        for (_, end), (start, _) in pairwise(spans):
            assert not (anchor.start < end and start < anchor.end)
