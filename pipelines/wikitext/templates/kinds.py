"""Templates that say nothing in running text, by kind: they are dropped wherever they stand.

The kinds are what the build counts: ``infobox``, ``sidebar``, ``navbox``, ``hatnote``, ``citation``,
``reference`` (footnote marks and lists of footnotes), ``maintenance`` (banners and inline remarks of
editors), ``metadata``, ``table``, ``chart``, ``media`` (pictures and sound) and ``layout`` (spacing, frames
of columns). Names are those of the English Wikipedia with the redirects seen in its dumps; many other wikis
have borrowed them.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["template_kind"]

_HATNOTES = """
mainarticle|redirects here|nahmc
about|about other people|about year|about-distinguish|about2|also|arabic name|basque name|broader|burmese name
catalan name|category see also|catseealso|chinese name|confused|contains special characters|contrast|correct title
dablink|details|details2|details3|distinguish|distinguish-redirect|distinguish2|eastern name order
eastern slavic name|eritrean name|ethiopian name|excerpt hatnote|family name hatnote|filipino name|for|for multi
for timeline|for-multi|for2|further|further ill|further information|further-text|further2|hatnote|hatnote group
hatnote templates|hungarian name|icelandic name|indian name|indonesian name|ipa notice|italic disambiguation
japanese name|korean name|lowercase|lowercase title|main|main article|main articles|main category|main list
main page|malay name|mongolian name|more|nihongo title|not|not to be confused with|other|other hurricanes
other people|other people2|other persons|other places|other ships|other storms|other uses|other uses of|other uses2
otherpeople|otheruses|otheruses2|otheruses4|patronymic name|philippine name|portuguese name|redir|redirect
redirect distinguish|redirect for|redirect to|redirect-distinguish|redirect-distinguish2|redirect-for|redirect-multi
redirect-several|redirect-synonym|redirect10|redirect2|redirect3|redirect4|redirect6|redr|related articles|rellink
see|see also|see also if exists|see main|seealso|self reference|selfref|short pages monitor|similar|similar names
sources exist|spanish name|special characters|summary style section|technical reasons|thai name|this|this is
this is a redirect|tibetan name|transliteration note|turkish name|uncertain|vietnamese name|western name order
wrongtitle
"""

_CITATIONS = """
pwre|nfl|icsc|opec|wvd|brooklands-aaurt80|taro|schechter handbook of analysis and its foundations
1911|1911poster|404|acad|academic genealogy|adsabs|afi film|allmovie|allmovie name|allmovie person|allmovie title
allmusic|allrovi movie|allrovi person|americana|americana poster|amg|amg movie|amg name|anb|anb id|archive today
archive url|archive.is|art uk|art uk bio|artuk bio|atp|attribution|avibase|ballotpedia|bandcamp|banglapedia|bare url
bare url inline|bare url pdf|baseballstats|bfi person|bibcode search|biographical directory of congress
biographical memoirs|bioguide|bom|bookrags|broken link|brooklands-aaurt52|c-span|cantorion|caselaw source|catholic
catholic encyclopedia|catholic-forum|cbignore|cc-notice|choralwiki|cia wf|cia world factbook|cia world factbook link
cia-world factbook|citation|citation-attribution|cite|citec|closed access|coinop game|collier's poster
comic book reference|comic strip reference|comicbookdb|congbio|congbio2|congresspedia|cornell law|cricinfo
cricketarchive|crystal structure|cspan|ctan|ctan link|curlie|dads|danfs|data philippines|daviscup player|dead link
dead youtube link|dead youtube links|deadlink|deutsche autos-2|discogs|discogs artist|discogs master|discogs release
dl|dmoz|dnb|dnb cite|dnb poster|dnb12|dnbie|eb1911|eb1911 poster|ebird|efloras|eliteprospects|encyclopaedia iranica
eol|eom|espn|espncricinfo|facebook|faded page|fadedpage|fandom|fifa player|find a grave|findagrave|findlaw|fishbase
fishbase species|flora of north america|free access|free-content attribution|frs 1921|gbooks|gcdb|genius
geographic names|github|gnis|gnis 4|goodreads|goodreads author|goodreads book|google books|google scholar id
googlebooks|govpubs|grin|guardian|guardian topic|guardiantopic|gutenberg|gutenberg australia|gutenberg author
gutenberg book|handbook of texas|hansard|hansard contribs|harvc|harvid|helsinki|hockeydb|hullnumber|hymnary|hymntime
iaaf name|ibdb name|ibdb show|ibdb title|iccu|iep|imdb character|imdb company|imdb episode|imdb event|imdb name
imdb person|imdb title|imslp|imslp2|in our time|ina|include-eb|include-nasa|include-usgov|inpho|instagram
internet archive|internet archive author|internet archive film|internet archive game|internet archive short film
iobdb name|ipni|isfdb|isfdb name|isfdb title|itf profile|ithof|itis|iucn|iucn2006|iucn2008|iucn2009.2
jewish encyclopedia|jewishencyclopedia|justia|jwb|klov game|last.fm|lastfm|law report cite|lccn entry|ldli|librivox
librivox author|librivox book|linkrot|loc|loc on|london gazette|londongazette|mactutor|mactutor biography
mathgenealogy|mathworld|memory alpha|memoryalpha|met office|metacritic|mlb.com|mojo title|moma artist|msw3
msw3 carnivora|msw3 tubulidentata|msw3 wozencraft|multiref|musicbrainz|musicbrainz artist|musicbrainz release
musicbrainz work|myspace|nasa|nasa adsabs|national geographic atlas|national portrait gallery
national-football-teams|naval history|navsource|nba.com|ncbi taxid|new york times topic|nfl.com|nie|nie poster|nla
nlab|nndb|nndb name|noaa|nobel-winners|nobelprize|npg|npg name|nra|nyt topic|nytimes topic|nyttopic|odnb|odnbsub
official|official blog|official facebook|official site|official twitter|official website|ol author|ol subject
ol work|olympedia|olympicchannel|olympics.com|open access|open directory|osm node|osm relation|osm relation-inline
osm way|osmrelation|osmrelation-inline|oyez|paleodb|paywall|pd-notice|pd-old-text|philpapers|planetmath|pm20
pro-football-reference|registration|registration required|retracted|rotten tomatoes|rotten-tomatoes|scholia
screenonline person|self-published inline|sep|sep entry|sep link|sfdb|sfdb name|sfnref|sfnref inline|ship registry
smithdgra|snac|soccerbase|soccerway|soundcloud|source-attribution|sourceforge|spaced en dash citation
sports-reference|spotify artist|springer|springereom|standard ebooks|standardebooks|statedept|subscription
subscription needed|subscription required|tcmdb|tcmdb name|tcmdb person|tcmdb title|tennis hall of fame|tennishof
the guardian topic|the interviews about|ticker|translated|translated page|translation attribution|twitter
ubl citebundle|uboat.net|uc berkeley|uk national archives id|ulan|unbulleted list citebundle|uscode2|usgs
vancite book|vancite journal|vancite news|vancite web|vcite book|vcite journal|vcite news|vcite web|viaf|votesmart
wayback|web archive|webarchive|webcite|wikia|wikiatlas|wikicite|wikilivres|wikimapia|wikisource author
wikisource1911enc|wookieepedia|world athletics|worldcat|worldcat id|worms|ws|wta|x handle|xeno-canto|youtube channel
gburl|jaanus|ndldc|britannica url|geonet2|geonet3|nrhp url|nhle|nris|nrisref|ioe|cadw url
"""

_REFERENCES = """
#tag|anote|aref|bibleref note|citation bot|cite iaaf|cnote|cnote begin|cnote2|cnote2 begin|cnote2 end|convert note
cref|cref note|cref2|dated info|efn|efn note|efn-la|efn-lg|efn-lr|efn-ua|efn-ur|fn|fnb|fnote|footnote|footnotes|gr
grapheme ref|gref|gref2|gutenberg ref|hide ref|historical populations note|hw cite|ifn|inflation fn|inflation-fn
inflation-index fn|inflation/fn|isbn missing|list ref|listref|main sources|mn|mnb|ncbi ref|note|note foot|note label
note list|note tag|noteblock|notefoot|noteli|notelist|notelist-la|notelist-lg|notelist-lr|notelist-ua|notelist-ur
notes|notetag|nref|ps|psf|psfn|r|ran|rcref|ref|ref begin|ref end|ref heading|ref label|ref list|ref page|ref remark
ref supports2|ref-begin|ref-end|refbegin|refend|reference|reference begin|reference end|reference list
reference page|references|referencesfrench|refimprove inline|reflist|reflist-talk|refn|refpage|refremark|refs
refstart|rfn|rma|rn|rp|sfn|sfn whitelist|sfn-ref|sfnb|sfnm|sfnmp|sfnp|shortened footnote|shortened footnote template
smallref|snf|source heading|sources|sourcetext|tfm|thewikipedialibrary|unsourced ref|us census ref|vr|vref
wikisource citation|sfn error|refh|convert/footnote
"""

_MAINTENANCE = """
according to|according to whom|acn|additional citation needed|additional citations needed inline|advert
advert section|advert-inline|afd|ai-generated|ambiguous|ambiguous link|anachronism|anachronism inline|article issues
as of?|attention|attribution needed|author missing|autobiography|awkward|better|better ref|better source
better source needed|blp no footnotes|blp primary sources|blp prod|blp sources|blp unsourced|broken anchor
broken citations|bsn|buzzword|buzzword inline|buzzwords|by whom|by whom?|cb|chapter needed|check|check quotation
cherry picked|chronology citation needed|circular ref|circular reference|circular-ref|citation needed
citation needed (lead)|citation needed lead|citation needed section|citation not found|citation overkill inline
citation requested|citation style|citation style section|citation-needed|citationneeded|citations broken
citations missing|citations style|cite check|cite needed|citeneeded|clarification|clarification needed|clarify
clarify inline|clarifyme|clean up|clean-up|cleanup|cleanup bare urls|cleanup biography|cleanup gallery
cleanup images|cleanup lang|cleanup list|cleanup reorganize|cleanup rewrite|cleanup section|cleanup tense
cleanup-rewrite|close paraphrasing|cn|coi|condense|confusing|confusing inline|confusing section
connected contributor|content|context|contradict|contradict-inline|contradict-other|contradiction-inline
contradictory inline|contradicts other|convert to prose|copy edit|copy edit inline|copy edit section|copyedit
copyedit inline|copyedit section|copyedit-inline|copypaste|copyvio|current|current event|current person
current sport|dab needed|date missing|db|dead end|debate|define?|definition needed|deprecated inline
disambiguation needed|discuss|disputed|disputed inline|disputed section|disputed tag|disputed-inline|dn|dubious
dubious section|duplicated citations|duplication|dynamic list|editnotice|editorialising|editorializing|elucidate
empty section|episode needed|essay|essay-like|exaggeration inline|example farm|example needed|examplefarm
examples needed|excessive citations|excessive citations inline|excessive detail|excessive examples|expand
expand acronym|expand language|expand lead|expand list|expand list inline|expand section|expert|expert needed
expert subject|expert-subject|expert-verify|explain|external links|external links inline|fact|fact or opinion|facts
failed citation|failed verification|famous|famous players|fan pov inline|fanpov|fansite|fcn|fiction|formal
format footnotes|fringe|fringe theories|full|full citation needed|full cite|full?|fullcite|further cleanup|fv
generalize|globalise|globalize|globalize inline|globalize-inline|globalize/us|grammar|hoax|how|how many|how often
how so|how-to|how?|howto|howto section|huh|image hoax|image needed|image requested|importance|importance inline
importance-inline|in popular culture|in universe|in use|in-universe|inadequate|inadequate lead
inappropriate external link|inc-results|incomplete|incomplete citation|incomplete list|incomplete short citation
incomprehensible inline|incomprehensible-inline|inconsistent|inconsistent section|infobox requested
interwiki conflict|introduction rewrite|inuse|ipa needed|issue needed|issues|jargon|jargon inline|jargon-inline
lead missing|lead rewrite|lead rewrite inline|lead too long|lead too short|legal citation needed|like a résumé
like resume|like resume section|link needed|link?|linkfarm|list to prose|list-to-prose|lists|loaded term|long plot
lopsided inline|manual|map requested|mcn|medcn|medical|medical citation needed|medref|medrs|merge|merge from
merge section|merge to|merge-multiple|mergefrom|mergeto|merging|misleading|missing|missing information
missing information inline|more citations|more citations needed|more citations needed section|more detail needed
more footnotes|more footnotes needed|more inline citations needed|more references|move portions|multiple issues
need citation|need quotation to verify|need quote|needdab|needs citation|needs citations|needs infobox|needs ipa
needs update|needs update inline|needs updating|needs verification|neutrality|neutrality inline|news release
newsrelease|no footnotes|no lead|no more links|no plot|nofootnotes|nomorelinks|non sequitur|non-free
non-primary source needed|not a forum|not in citation|not in ref|not in source|not specific enough to verify
not verified in body|notability|notability inline|notable|npov|npov inline|npov language|nps|nvib|obituary
obsolete source|off topic|off topic inline|off topic section|off-topic|off-topic inline|one source|opinion|or
or inline|or section|or-inline|or?|original research|original research inline|original research section
original research?|orphan|out of date|out of date inline|outdated|outdated inline|over-illustrated|over-quotation
overcite|overlinked|overly detailed|overquotation|page|page needed|page number missing|page number needed
page numbers needed|page range too broad|page?|pageneeded|pages needed|pages range too broad|paid contributions
partial|peacock|peacock inline|peacock section|peacock term|peacock-inline|personal|photo requested|plot|pn|pov
pov inline|pov section|pov-inline|pov-statement|predatory|primary inline|primary source inline|primary source-inline
primary sources|primary-source-inline|prod|promotion inline|promotional inline|prone to spam|pronunciation needed
pronunciation?|proposed deletion|prose|proseline|psi|publisher missing|puffery inline|qn|qualify evidence|quantify
quotation needed|quote farm|quote request|quotefarm|recent death|recentism|recently revised|red-link inline
redundancy|ref improve|ref needed|reference needed|refexample|refimprove|refimprove blp|refimprove section|relevance
relevance inline|relevance-inline|relevant?|religious text primary|repetition|repetitive|reqphoto|request quotation
rescue|research help|research paper|restructure|retraction|review|romanization needed|rq|rs|rs?|says who
script needed|season needed|sections|self published|self-contradictory|self-inline|self-published
self-published inline|self-published source|self-published-inline|sic?|single source|source needed|source?|sourceme
sp?|spam link?|specific|specify|speculation inline|speculation?|speedy|spell?|split|split section|sps|story
summarize|syn|synthesis|synthesis inline|synthesis-inline|technical|technical inline|technical statement|tense
third-party|third-party inline|third-party source needed|third-party-inline|time needed|title missing|tmi|tone
tone inline|tone-inline|too many photos|too many quotes|too many sections|too technical|trans-title needed
translate quote|translation needed|travel guide|trivia|trivia inline|unbalanced|unbalanced inline|unbalanced opinion
unbalanced opinion?|unbalanced section|uncategorized|uncited|unclear|under construction|underlinked|undisclosed paid
undue|undue inline|undue weight|undue weight inline|undue weight section|undue-inline|unfocused|unref|unref section
unreferenced|unreferenced section|unrefsect|unreliable|unreliable fringe source|unreliable medical source
unreliable scientific source|unreliable source|unreliable source inline|unreliable source?|unreliable sources
unsourced|unsourced section|update|update after|update inline|update section|update-inline|user-generated inline
user-generated source|uw|vague|vague inline|verification needed|verify credibility|verify quote|verify source
more cn section|vn|synth|verify|verify?|whom?|like whom?|like whom|examples|pov statement|timeframe|year?|not verified
irrelevant citation|improper synthesis?|improper synthesis|fix|link rot|nonspecific|lead extra info|needs copy edit
upcoming|recent|deprecated source|context?|example?|isbn?|long|whence?|definition?|broken footnote|cn-needed|cnspan?
very long|very long section|very short section|volume missing|volume needed|weasel|weasel inline|weasel section
weasel word|weasel words inline|weasel-inline|what|what?|when|when inline|when?|where|where?|which|which calendar
which?|who|who else|who says|who?|whom|whose|why|why?|worldview|year missing|year needed
"""

_METADATA = """
protection padlock|attached kml|sky|nutshell|wti|spoiler|notability note|algebraic notation|featured picture
-stub|airport disambiguation|all pages with titles containing|alphanumerictoc|american english|anch|anchor|anchors
anthroponymy|articlehistory|authority control|authority control (arts)|backwards copy|bd|birth-date category
book bar|books-inline|bots|british english|british english oxford spelling|cat main|category handler|catmain|catmore
check completeness|commons|commons and category|commons cat|commons category|commons category inline
commons category multi|commons category show2|commons category-inline|commons gallery|commons-inline|commonscat
commonscat inline|commonscat-inline|commonscatinline|compact toc|compact toc2|compacttoc|compacttoc8|contains text
cookbook|coor d|coor dm|coor dms|coor title d|coor title dm|coor title dms|coord missing
coordmissing|copied|copied multi|dab|date format|defaultsort|disamb|disambig|disambig-cleanup|disambiguation
disambiguation cleanup|displaytitle|dmy|documentation|en-oxford|eng|engvar|engvarb|eu country|fa|featured
featured article|featured list|featured portal|featured topic|ga|geobox coor|geodis|geographic location|given name
good article|good topic|hidden category|hndis|horizontal toc|human name disambiguation|in title|incubator|index
inline-talk|interlanguage|interwiki|interwiki extra|intitle|italic title|italic title prefixed|italics title
italictitle|italictitleprefixed|letter-number combination disambiguation|letter-numbercombdisambig
library resources|library resources about|library resources box|library resources by|lifetime|linguistic note
link fa|link fl|link ga|list toc|look from|lookfrom|main other|mapframe|maplink|maplinks|mathdab|mdy|mountain index
navbox musical artist|ncbi|no italic title|nobots|noindex|noitalictitle|normdaten|nosplit|notoc
number disambiguation|osm|osm map|persondata|place name disambiguation|plant common name|portal|portal bar
portal box|portal inline|portal-inline|portalbar|portals|pp|pp-move|prefix index|pronunciation audio|r from title
r to section|rcat shell|redirect category shell|redirect shell|schooldis|section stub|sectstub|see wiktionary
set index article|ship index|shipindex|short description|short pages|shortdesc|sia|sister|sister bar|sister links
sister project|sister project links|sister-inline|sisterlinks|source needs translation|special prefixindex
species latin name disambiguation|spoken|spoken wikipedia|spoken wikipedia-2|spoken wikipedia-3|spoken wikipedia-4
spoken wikipedia-5|stub|subject bar|surname|talk header|taxonbar|taxonomy|tfd|this is a redirect|title language|toc
toc hidden|toc left|toc limit|toc right|toc top|toc001|tocleft|toclimit|tocright|translated from
use american english|use british english|use dmy dates|use harvard referencing|use list-defined references|use local
use mdy dates|use oxford spelling|use shortened footnotes|use x|use ydm dates|use ymd dates|visible anchor comment
wikibooks|wikibooks inline|wikibooks-inline|wikidata|wikidata entity|wikidata property|wikidata-inline|wikimedia
wikimedia commons|wikinews|wikinews category|wikinews-inline|wikinewscat|wikipedia book|wikipedia books
wikipedia-books|wikiproject|wikiquote|wikiquote-inline|wikiquotecat|wikisource|wikisource author-inline
wikisource index|wikisource inline|wikisource portal|wikisource-inline|wikisourcecat|wikisourcehas|wikisourcelang
wikisourcelang-inline|wikispecies|wikispecies inline|wikispecies-inline|wikiversity|wikiversity-inline|wikivoyage
wikivoyage inline|wikivoyage-inline|wikt|wiktionary|wiktionary category|wiktionary inline|wiktionary pipe
wiktionary redirect|wiktionary-inline
"""

_TABLES = """
acid table|adjacent stations|ahnentafel|ahnentafel bottom|ahnentafel end|ahnentafel top|ahnentafel-compact5
alabama weatherbox|album chart|album ratings|album reviews|albumchart|aligned table|awards table|bar box
bar chart|bar graph|bar percent|bar pixel|barlabel|bartable|brick chart|bs-map|bs-table|canada census
cbb schedule end|cbb schedule entry|cbb schedule start|certification table bottom
certification table entry|certification table top|cfb schedule|charmap|chart|chart bottom|chart top|chart/end
chart/start|chess diagram|chess diagram small|chess position|chset-table-header1|clade|clade gallery|clade/labels
cladex|cladogram|climate chart|collapse bottom|collapse top|compact periodic table|composition|composition bar|crew
dentalformula|dunno|election box begin|election box candidate|election box end|election box total|election summary
end|end box|end-box|endbox|episode list|episode list/sublist|episode table|eqm|family tree|family tree/end
family tree/start|familytree|familytree/end|familytree/start|fb cl header|football box|football squad end
football squad mid|football squad player|football squad start|footballbox|footballbox collapsible|fs end|fs mid
fs player|fs start|fs2 player|go board|goals|graph|graph chart|graph:chart|graph:lines
graph:street map with marks|graphchart|graphical timeline|hidden begin|hidden bottom|hidden end|hidden top
historical population|historical populations|horizontal timeline|hs listed building row|human timeline|import style
include timeline|infobox weather|ipa consonants|ipa vowels|isotopes table|largest cities|latin letter info|lcons
legend table|legend-col|letter other reps|life timeline|line chart|linkflag|math theorem top
medal|medal templates|medalbottom|medalcompetition|medalcountry|medals table|medalsport
medaltemplates|medaltopper|music ratings|n/a|na|nat fs g player|nat fs start|nature timeline|no|no2|nom|nowraplinks
nrhp row|ordered table|partial table|party color|party color cell|party shading|periodic table|ph table|pie
pie chart|rail line|routemap|row hover highlight|s-aca|s-ach|s-aft|s-awards|s-bef|s-break|s-bus|s-civ|s-court
s-crime|s-culture|s-dip|s-edu|s-end|s-gov|s-hon|s-hou|s-hous|s-inc|s-legal|s-line|s-media|s-mil|s-new|s-non|s-note
s-npo|s-off|s-other|s-par|s-ppo|s-pre|s-prec|s-rail|s-rail-start|s-reg|s-rel|s-religion|s-roy|s-sports|s-start
s-text|s-ttl|s-tul|s-vac|series overview|simple horizontal timeline|single chart|singlechart|singles
sort under|spaceflight crew|species table|species table/end|speciestable|sports table|start|start box|start-box
startbox|static row numbers|stations|statistics|sticky header|succession|succession box|succession box one to two
succession footnote|table alignment|tba|tbd|timeline|tournament bracket|track listing|tracklist|tracklisting
tree chart|tree chart/end|tree chart/start|tree list|tree list/end|treeview|us census population|us president row
uscensuspop|vertical timeline|vgr|video game reviews|weather box|weatherbox|wikitable|won|yes|yes2
"""

_SIDEBARS = """
alchemy|anarchism|campaign|campaignbox|capitalism|communism|conservatism us|culture of|ethics|history of|liberalism
libertarianism|part of a series|philosophy|politics of|series|sidebar|sidebar end|sidebar start
sidebar with collapsible lists|sidebar with dropdowns|socialism
"""

_NAVBOXES = """
collapsible navbox|footer|footer navigation|list of seas|navbar|navbar-collapsible|navbar-header|navbox
navbox bottom|navbox musical artist|navbox subgroup|navbox top|navbox with collapsible groups|navbox with columns
navboxes|navboxes bottom|navboxes top|navigation|navigation bar|navigation templates|succession links
un member states|us presidents|uspresidents|v d e|vde|vte|wikipedia:navbox
"""

_INFOBOXES = """
album infobox|audiosample|automatic taxobox|automatictaxobox|autotaxobox|chembox|chembox new|diagnostic infobox
drug box|drugbox|elementbox|enzyme|extra album cover|extra chronology|extra track listing|football biography|geobox
gnf protein box|hybridbox|ichnobox|infobox|language infobox|mycomorphbox|nutritional value|nutritionalvalue|oobox
paleocontinent|paraphyletic group|pfam box|planetbox begin|planetbox catalog|planetbox character|planetbox discovery
planetbox end|planetbox image|planetbox orbit|planetbox reference|planetbox star|protein|single infobox
singles chronology|speciesbox|starbox astrometry|starbox begin|starbox catalog|starbox character|starbox detail
starbox end|starbox image|starbox observe|starbox orbit|starbox reference|starbox relpos|subspeciesbox|taxobox
taxobox begin|taxobox end|userbox|virus box|virusbox
"""

_MEDIA = """
annotated image|annotated image 4|auto images|clickable map|css crop|css image crop|cssimagecrop|double image
external audio|external image|external images|external media|external video|externalimage|externalvideo|flag array
flipped image|gallery|gallery/styles|image array|image frame|image gallery|image hover|image key|image label
image label begin|image label end|image label small|image map|image row|image slide|image stack|image table
imagestackleft|imagestackright|img|labelled map|largemap|listen|listen image|location map|location map many
location map+|location map~|montage|multi image|multi-listen|multi-listen end|multi-listen item|multi-listen start
multiple image|multiple images|multipleimage|non-free media|ogg|overlay|panorama|photo gallery|photo montage
photomontage|random image|rotated image|sample box end|sample box start|side box|slideshow|sound
sound sample box align left|sound sample box end|spectrum|squared images|stack|stack begin|stack end|superimpose
superimpose2|switcher|tall image|triple image|video|wide image|wide image 2|world map|youtube player
"""

_LAYOUT = """
-|algorithm-begin|algorithm-end|align end|ambox|anchor clear|asbox|block indent begin|block indent end|bottom|box
box-footer|box-header|citation style end|clear|clear left|clear right|clear-left|clear-right|clearleft|clearright
clr|cob|col begin|col div|col div end|col-1-of-2|col-1-of-3|col-1-of-4|col-1-of-5|col-2|col-2-of-2|col-2-of-3
col-2-of-4|col-2-of-5|col-3|col-3-of-3|col-3-of-4|col-3-of-5|col-4|col-4-of-4|col-4-of-5|col-5|col-5-of-5|col-begin
col-begin-fixed|col-begin-small|col-break|col-end|col-float|col-float-break|col-float-end|colbegin|colend|column
columns end|columns start|columns-end|columns-start|cot|div col|div col end|div col start|div col-end|div end
div-col|div-col-end|divcol|divcolend|empty template|end columns|end div col|end flatlist|end of list|end plainlist
end small div|enddivcol|endflatlist|endflowlist|endplainlist|fix bunching|fixbunching|fixhtml|flatlist end
float begin|float end|flow list end|flow list start|hidden text|hlist end|htmlfix|indent end|interactive list
larger begin|mbox|mid|multicol|multicol-break|multicol-end|multicol-section|navend|nbsp table
numbered list start|od|ombox|outdent|plainlist end|px2|resize begin|side bar|small div|small div end|smalldiv
stack begin|stack end|tab|table|tabs|tmbox|top|unindent|vspace|div|span|ja-rail-color|rail color|linecolor
"""

# Looked up with the whole name in lower case, so that redirects that differ in case alone need no entry.
_KINDS: dict[str, str] = {}
for _kind, _names in (
    ("layout", _LAYOUT),
    ("media", _MEDIA),
    ("table", _TABLES),
    ("navbox", _NAVBOXES),
    ("sidebar", _SIDEBARS),
    ("infobox", _INFOBOXES),
    ("metadata", _METADATA),
    ("maintenance", _MAINTENANCE),
    ("reference", _REFERENCES),
    ("citation", _CITATIONS),
    ("hatnote", _HATNOTES),
):
    _KINDS.update(dict.fromkeys(filter(None, _names.replace("\n", "|").split("|")), _kind))

# Marks that substituted templates leave behind.
_KINDS.update(dict.fromkeys((f"z{number}" for number in range(1, 250)), "metadata"))

_PREFIXES = (
    ("infobox ", "infobox"),
    ("infobox-", "infobox"),
    ("geobox ", "infobox"),
    ("geobox|", "infobox"),
    ("taxobox", "infobox"),
    ("chembox ", "infobox"),
    ("starbox ", "infobox"),
    ("planetbox ", "infobox"),
    ("football squad", "table"),
    ("cite ", "citation"),
    ("citation/", "citation"),
    ("cite-", "citation"),
    ("use ", "metadata"),
    ("pp-", "metadata"),
    ("r from ", "metadata"),
    ("r to ", "metadata"),
    ("r with ", "metadata"),
    ("r unprintworthy", "metadata"),
    ("r printworthy", "metadata"),
    ("contains ", "metadata"),
    ("defaultsort:", "metadata"),
    ("displaytitle:", "metadata"),
    ("italic title", "metadata"),
    ("commons ", "metadata"),
    ("wikisource", "metadata"),
    ("campaignbox", "navbox"),
    ("chset-", "table"),
    ("party shading/", "table"),
    ("navbox", "navbox"),
    ("sidebar", "sidebar"),
    ("politics of ", "sidebar"),
    ("history of ", "sidebar"),
    ("culture of ", "sidebar"),
    ("largest cities", "table"),
    ("weather box", "table"),
    ("election box", "table"),
    ("episode list", "table"),
    ("cbb schedule", "table"),
    ("cfb schedule", "table"),
    ("medal", "table"),
    ("s-", "table"),
    ("col-", "layout"),
    ("reflist", "reference"),
    ("notelist", "reference"),
    ("efn", "reference"),
    ("refn", "reference"),
    ("hatnote", "hatnote"),
    ("redirect-", "hatnote"),
    ("cleanup ", "maintenance"),
    ("cleanup-", "maintenance"),
    ("refimprove", "maintenance"),
    ("unreferenced", "maintenance"),
    ("more citations", "maintenance"),
    ("more footnotes", "maintenance"),
    ("expand ", "maintenance"),
    ("blp ", "maintenance"),
    ("location map", "media"),
    ("routemap", "table"),
    ("graph:", "chart"),
)
_PREFIX_KINDS = dict(_PREFIXES)
_PREFIX = re.compile("|".join(re.escape(prefix) for prefix, _ in sorted(_PREFIXES, key=lambda p: -len(p[0]))))

_SUFFIX_KINDS = {
    " sidebar": "sidebar",
    " series": "sidebar",
    " infobox": "infobox",
    " taxobox": "infobox",
    " navbox": "navbox",
    " navbar": "navbox",
    " topics": "navbox",
    " topic": "navbox",
    " footer": "navbox",
    " navigation": "navbox",
    " nav": "navbox",
    "-stub": "metadata",
    " stub": "metadata",
    " inline": "maintenance",
    "-inline": "maintenance",
    " needed": "maintenance",
    " labelled map": "media",
    " image map": "media",
    " weatherbox": "table",
    " timeline": "chart",
    " chart": "chart",
    " diagram": "media",
    " imagemap": "media",
    " primary style": "layout",
    " primary color": "layout",
    " secondary color": "layout",
    " color cell": "layout",
}
_SUFFIX = re.compile("(?:" + "|".join(map(re.escape, _SUFFIX_KINDS)) + r")\Z")


@lru_cache(maxsize=1 << 16)
def template_kind(name: str) -> str | None:
    """Gives the kind of the template with the normalised name `name`, or None where it may say something."""
    name = name.lower()
    kind = _KINDS.get(name)
    if kind is not None:
        return kind
    if prefix := _PREFIX.match(name):
        return _PREFIX_KINDS[prefix[0]]
    if suffix := _SUFFIX.search(name):
        return _SUFFIX_KINDS[suffix[0]]
    return None
