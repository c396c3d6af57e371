"""Prefixes that lead to other wikis: languages of Wikipedia, sister projects and other well-known sites.

Dumps do not carry the interwiki map; these are the prefixes of https://meta.wikimedia.org/wiki/Interwiki_map
and the codes of https://meta.wikimedia.org/wiki/List_of_Wikipedias that occur in articles.
"""

from __future__ import annotations

__all__ = ["LANGUAGE_CODES", "PROJECT_PREFIXES"]

_LANGUAGE_CODES_TEXT = """
aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk awa ay az azb ba ban
bar bat-smg bbc bcl bdr be be-tarask be-x-old bew bg bh bi bjn blk bm bn bo bpy br bs btm bug bxr ca cbk-
zam cdo ce ceb ch cho chr chy ckb co cr crh cs csb cu cv cy cz da dag de dga din diq dk dsb dtp dty dv dz
ee el eml en eo epo es et eu ext fa fat ff fi fiu-vro fj fo fon fr frp frr fur fy ga gag gan gcr gd gl glk
gn gom gor got gpe gsw gu guc gur guw gv ha hak haw he hi hif ho hr hsb ht hu hy hyw hz ia iba id ie ig
igl ii ik ilo inh io is it iu ja jam jbo jp jv ka kaa kab kaj kbd kbp kcg kg kge ki kj kk kl km kn knc ko
koi kr krc ks ksh ku kus kv kw ky la lad lb lbe lez lfn lg li lij lld lmo ln lo lrc lt ltg lv lzh mad mai
map-bms mdf mg mh mhr mi min mk ml mn mni mnw mo mos mr mrj ms mt mus mwl my myv mzn na nah nan nap nb nds
nds-nl ne new ng nia nl nn no nov nqo nr nrm nso nup nv ny oc olo om or os pa pag pam pap pcd pcm pdc pfl
pi pih pl pms pnb pnt ps pt pwn qu rm rmy rn ro roa-rup roa-tara rsk ru rue rup rw sa sah sat sc scn sco
sd se sg sgs sh shi shn shy si simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw syl szl szy ta
tay tcy tdd te tet tg th ti tig tk tl tly tn to tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec vep
vi vls vo vro wa war wo wuu xal xh xmf yi yo yue za zea zgh zh zh-cfr zh-classical zh-cn zh-min-nan zh-tw
zh-yue zu
"""
LANGUAGE_CODES = frozenset(_LANGUAGE_CODES_TEXT.split())
"""Language codes that are prefixes of Wikipedias."""

_PROJECT_PREFIXES_TEXT = """
w wikt wiktionary n wikinews b wikibooks q wikiquote s wikisource oldwikisource species wikispecies v
wikiversity voy wikivoyage c commons m meta metawikimedia metawikipedia d wikidata f wikifunctions mw
mediawikiwiki mediazilla bugzilla phab phabricator incubator outreach wikimedia wmf foundation wikitech
wikimania usability strategy sulutil toollabs toolforge quality betawiki translatewiki testwiki test2wiki
advisory arxiv bibcode doi hdl handle imdbname imdbtitle imdb isbn issn jstor pmid rfc rev tools worldcat
wolframalpha google googlebooks dictionary dict freedesktop gutenberg cache citizendium commonswiki
choralwiki dmoz ebird ecoreality emacswiki finalfantasy fandom wikia wikiasite gentoo github gnome
guildwars luxo mathsongswiki memoryalpha memorybeta moegirl musicbrainz mozillawiki openlibrary
openstreetmap osmwiki orthodoxwiki pythonwiki scholar semantic-mw scoutwiki snpedia sourceforge svn tardis
uncyclopedia acronym c2 c2find drumcorpswiki elibre foldoc hrwiki linuxwiki lojban lqwiki meatball
metawiki oeis openwiki pythoninfo s23wiki seattlewireless senseislibrary shoutwiki squeak theopedia tmbw
tmnet twiki unreal usemod wikiwikiweb urbandict usenet wikihow wikileaks wikinvest wikitravel wookieepedia
ticket otrs otrswiki ethnologue fishbase
"""
PROJECT_PREFIXES = frozenset(_PROJECT_PREFIXES_TEXT.split())
"""Prefixes of other projects and sites; a link with one shows its text and leads to no article."""
