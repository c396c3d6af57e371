"""Bold and italics: https://www.mediawiki.org/wiki/Help:Formatting, and the rule of `Parser::doQuotes`."""

CASES = [
    # wikitext, text (paragraphs separated by " ¶ "), links (surface, title)
    ("''italic''", "italic", []),
    ("'''bold'''", "bold", []),
    ("'''''both'''''", "both", []),
    ("plain ''italic'' plain '''bold''' plain", "plain italic plain bold plain", []),
    ("it's a dog's life", "it's a dog's life", []),
    ("'quoted' words", "'quoted' words", []),
    # Four apostrophes: one is text, then bold.
    ("''''four''''", "'four'", []),
    ("''''''six''''''", "'six'", []),
    ("''''''''eight''''''''", "'''eight'''", []),
    ("'''''''seven'''''''", "''seven''", []),
    # Nested in either order.
    ("'''bold ''both'' bold'''", "bold both bold", []),
    ("''italic '''both''' italic''", "italic both italic", []),
    ("'''''both''' italic''", "both italic", []),
    ("'''''both'' bold'''", "both bold", []),
    ("'''bold ''both'''''", "bold both", []),
    ("''italic '''both'''''", "italic both", []),
    # Never closed: the line's end closes.
    ("'''open\nnext line", "open next line", []),
    ("''open\nnext '' line", "open next line", []),
    ("'''''open", "open", []),
    # An odd bold and an odd italic run: one bold run is an apostrophe and an italic run.
    ("''l'''amour'' de", "lamour de", []),
    ("the ''l'''Iliade is", "the l'Iliade is", []),
    ("''Iliad'''s", "Iliad's", []),
    ("''x'''", "x'", []),
    ("'''x''", "'x", []),
    ("this ''year'''s election", "this year's election", []),
    ("'''this year'''s ''election'", "this years election'", []),
    ("'''L'''Aurore'' is", "LAurore is", []),
    # Both counts odd: the run behind a word of one letter is chosen before the others.
    ("''ab '''c d'''e f'''g", "ab c d'e fg", []),
    ("''d'''Artagnan''", "dArtagnan", []),
    ("x '''à'''b ''c d'''e", "x àb c d'e", []),
    # Both even: nothing is text.
    ("'''a'''b'''c'''", "abc", []),
    ("''a''b''c''", "abc", []),
    # Inside and around links.
    ("''[[Iliad]]''", "Iliad", [("Iliad", "Iliad")]),
    ("'''[[Iliad]]'''s", "Iliads", [("Iliad", "Iliad")]),
    ("[[Iliad|''Iliad'']]", "Iliad", [("Iliad", "Iliad")]),
    ("''[[Iliad]]'''s hero", "Iliad's hero", [("Iliad", "Iliad")]),
    ("[[Iliad|The '''Iliad''']]s", "The Iliads", [("The Iliads", "Iliad")]),
    ("'''[[a|b]] c", "b c", [("b", "A")]),
    # Paired inside a link, shown where the target itself has them.
    ("[[a''b]]", "a''b", [("a''b", "A''b")]),
    ("''[[a|b'' c]] d", "b c d", [("b c", "A")]),
    ("[[a|b'''c]] ''d", "bc d", [("bc", "A")]),
    ("[[a|''''b'']]", "''b", [("''b", "A")]),
    # An apostrophe template keeps the marks apart.
    ("''Iliad''{{'}}s", "Iliad's", []),
    ("''Iliad''{{'s}} end", "Iliad's end", []),
    ("''Iliad''<nowiki/>'s", "Iliad's", []),
    ("''Iliad''&#39;s", "Iliad's", []),
    ("''Iliad''&apos;s", "Iliad's", []),
    # Each line is balanced by itself, list items as well.
    ("* ''a\n* b''", "a ¶ b", []),
    ("''a''\n'''b'''", "a b", []),
    ("== ''Title'' ==\ntext", "text", []),
    ("a '' b", "a b", []),
    ("''", "", []),
    ("''''", "'", []),
    ("'''", "", []),
    ("<nowiki>''not italic''</nowiki>", "''not italic''", []),
    ("x<sup>''2''</sup>", "x2", []),
    # What a template prints pairs with no apostrophes around it, whatever it prints.
    ("The ''{{lang|fr|Le Monde}}'' is read.", "The Le Monde is read.", []),
    ("'''{{lang|fr|Le Monde}}''' is", "Le Monde is", []),
    ("It means '{{lang|fr|chat}}' there.", "It means 'chat' there.", []),
    ("''{{lang|fr|Le Figaro}}'''s staff", "Le Figaro's staff", []),
    ("{{lang|fr|Le Monde}}'s staff", "Le Monde's staff", []),
    ("''{{wikt-lang|en|house}}'' and ''{{lang-fr|maison|links=no}}''", "house and French: maison", []),
    ("''{{transl|ar|kitāb}}'' and ''{{HMS|Ajax}}''", "kitāb and HMS Ajax", [("HMS Ajax", "HMS_Ajax")]),
    ("''Eagle''{{'}}s hatch and ''Eagle''{{'}}s side", "Eagle's hatch and Eagle's side", []),
    ("'''Foo''' is in ''Time''{{'}}s list", "Foo is in Time's list", []),
    ("''a''{{'s}} and '''b'''{{'}} and c{{' \"}}", "a's and b' and c'\"", []),
    ("''it is {{gloss|bread}}'' and {{gloss|''x''}}", "it is 'bread' and 'x'", []),
    ("{{lang|fr|'chat'}} and ''{{lang|fr|'chien'}}''", "'chat' and 'chien'", []),
    ("''{{lang|fr|l'eau}}''", "l'eau", []),
    # Emphasis in an argument is the page's own.
    ("{{lang|fr|le ''Monde''}} and {{nowrap|''a'' b}} c", "le Monde and a b c", []),
    ("{{lang|fr|''Le Monde''}}{{'}}s", "Le Monde's", []),
    ("''a {{nowrap|b'' c}} d", "a b c d", []),
    ("''a {{lang|de|b {{'}} c}} d''", "a b ' c d", []),
    # Italics that begin with a sign make no list.
    ("x\n{{lang|la|*foo}} stands", "x *foo stands", []),
    ("{{#if:x|''y''}} and '{{#if:x|'y}}''", "y and y", []),
]
