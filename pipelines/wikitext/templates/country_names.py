"""Names of countries and territories by the codes that the flag templates use (ISO 3166-1 alpha-3, IOC, FIFA)."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["country_codes", "country_name"]

_NAMES = """
ABW Aruba|AFG Afghanistan|AGO Angola|AIA Anguilla|ALA Åland|ALB Albania|AND Andorra|ARE United Arab Emirates
ARG Argentina|ARM Armenia|ASM American Samoa|ATA Antarctica|ATF French Southern and Antarctic Lands
ATG Antigua and Barbuda|AUS Australia|AUT Austria|AZE Azerbaijan|BDI Burundi|BEL Belgium|BEN Benin
BES Caribbean Netherlands|BFA Burkina Faso|BGD Bangladesh|BGR Bulgaria|BHR Bahrain|BHS The Bahamas
BIH Bosnia and Herzegovina|BLM Saint Barthélemy|BLR Belarus|BLZ Belize|BMU Bermuda|BOL Bolivia|BRA Brazil
BRB Barbados|BRN Brunei|BTN Bhutan|BVT Bouvet Island|BWA Botswana|CAF Central African Republic|CAN Canada
CCK Cocos (Keeling) Islands|CHE Switzerland|CHL Chile|CHN China|CIV Ivory Coast|CMR Cameroon
COD Democratic Republic of the Congo|COG Republic of the Congo|COK Cook Islands|COL Colombia|COM Comoros
CPV Cape Verde|CRI Costa Rica|CUB Cuba|CUW Curaçao|CUR Curaçao|CXR Christmas Island|CYM Cayman Islands|CYP Cyprus
CZE Czech Republic|DEU Germany|DJI Djibouti|DMA Dominica|DNK Denmark|DOM Dominican Republic|DZA Algeria|ECU Ecuador
EGY Egypt|ERI Eritrea|ESH Western Sahara|ESP Spain|EST Estonia|ETH Ethiopia|FIN Finland|FJI Fiji
FLK Falkland Islands|FRA France|FRO Faroe Islands|FSM Federated States of Micronesia|GAB Gabon|GBR United Kingdom
GEO Georgia (country)|GGY Guernsey|GHA Ghana|GIB Gibraltar|GIN Guinea|GLP Guadeloupe|GMB The Gambia
GNB Guinea-Bissau|GNQ Equatorial Guinea|GRC Greece|GRD Grenada|GRL Greenland|GTM Guatemala|GUF French Guiana
GUM Guam|GUY Guyana|HKG Hong Kong|HMD Heard Island and McDonald Islands|HND Honduras|HRV Croatia|HTI Haiti
HUN Hungary|IDN Indonesia|IMN Isle of Man|IOM Isle of Man|IND India|IOT British Indian Ocean Territory|IRL Ireland
IRN Iran|IRQ Iraq|ISL Iceland|ISR Israel|ITA Italy|JAM Jamaica|JEY Jersey|JOR Jordan|JPN Japan|KAZ Kazakhstan
KEN Kenya|KGZ Kyrgyzstan|KHM Cambodia|KIR Kiribati|KNA Saint Kitts and Nevis|KOR South Korea|KWT Kuwait|LAO Laos
LBN Lebanon|LBR Liberia|LBY Libya|LCA Saint Lucia|LIE Liechtenstein|LKA Sri Lanka|LSO Lesotho|LTU Lithuania
LUX Luxembourg|LVA Latvia|MAC Macau|MAF Collectivity of Saint Martin|MAR Morocco|MCO Monaco|MDA Moldova
MDG Madagascar|MDV Maldives|MEX Mexico|MHL Marshall Islands|MKD North Macedonia|MLI Mali|MLT Malta|MMR Myanmar
MNE Montenegro|MNG Mongolia|MNP Northern Mariana Islands|MOZ Mozambique|MRT Mauritania|MSR Montserrat|MTQ Martinique
MUS Mauritius|MWI Malawi|MYS Malaysia|MYT Mayotte|NAM Namibia|NCL New Caledonia|NER Niger|NFK Norfolk Island
NGA Nigeria|NIC Nicaragua|NIU Niue|NLD Netherlands|NOR Norway|NPL Nepal|NRU Nauru|NZL New Zealand|OMN Oman
PAK Pakistan|PAN Panama|PCN Pitcairn Islands|PER Peru|PHL Philippines|PLW Palau|PNG Papua New Guinea|POL Poland
PRI Puerto Rico|PRK North Korea|PRT Portugal|PRY Paraguay|PSE State of Palestine|PYF French Polynesia|QAT Qatar
REU Réunion|ROU Romania|ROM Romania|RUS Russia|RWA Rwanda|SAU Saudi Arabia|SDN Sudan|SEN Senegal|SGP Singapore
SGS South Georgia and the South Sandwich Islands|SHN Saint Helena|SJM Svalbard|SLB Solomon Islands|SLE Sierra Leone
SLV El Salvador|SMR San Marino|SOM Somalia|SPM Saint Pierre and Miquelon|SRB Serbia|SSD South Sudan
STP São Tomé and Príncipe|SUR Suriname|SVK Slovakia|SVN Slovenia|SWE Sweden|SWZ Eswatini|SXM Sint Maarten
SYC Seychelles|SYR Syria|TCA Turks and Caicos Islands|TCD Chad|TGO Togo|THA Thailand|TJK Tajikistan|TKL Tokelau
TKM Turkmenistan|TLS East Timor|TON Tonga|TTO Trinidad and Tobago|TUN Tunisia|TUR Turkey|TUV Tuvalu|TWN Taiwan
TZA Tanzania|UGA Uganda|UKR Ukraine|URY Uruguay|USA United States|UZB Uzbekistan|VAT Vatican City
VCT Saint Vincent and the Grenadines|VEN Venezuela|VGB British Virgin Islands|VIR United States Virgin Islands
VNM Vietnam|VUT Vanuatu|WLF Wallis and Futuna|WSM Samoa|YEM Yemen|ZAF South Africa|ZMB Zambia|ZWE Zimbabwe
XKX Kosovo|KOS Kosovo|UNK Kosovo|ALG Algeria|ANG Angola|ANT Antigua and Barbuda|ARU Aruba|BAH The Bahamas
BAN Bangladesh|BAR Barbados|BER Bermuda|BHU Bhutan|BIZ Belize|BOT Botswana|BRU Brunei|BUL Bulgaria|BUR Burkina Faso
CAM Cambodia|CAY Cayman Islands|CGO Republic of the Congo|CHA Chad|CHI Chile|CRC Costa Rica|CRO Croatia|DEN Denmark
ESA El Salvador|FIJ Fiji|GAM The Gambia|GBS Guinea-Bissau|GEQ Equatorial Guinea|GER Germany|GRE Greece|GRN Grenada
GUA Guatemala|GUI Guinea|HAI Haiti|HON Honduras|INA Indonesia|IRI Iran|IVB British Virgin Islands
ISV United States Virgin Islands|KSA Saudi Arabia|KUW Kuwait|LAT Latvia|LBA Libya|LES Lesotho|LIB Lebanon
MAD Madagascar|MAS Malaysia|MAW Malawi|MGL Mongolia|MON Monaco|MRI Mauritius|MTN Mauritania|MYA Myanmar
NCA Nicaragua|NED Netherlands|NEP Nepal|NGR Nigeria|NIG Niger|OMA Oman|PAR Paraguay|PHI Philippines|PLE Palestine
POR Portugal|PUR Puerto Rico|RSA South Africa|SAM Samoa|SEY Seychelles|SIN Singapore|SKN Saint Kitts and Nevis
SLO Slovenia|SOL Solomon Islands|SRI Sri Lanka|SUD Sudan|SUI Switzerland|TAN Tanzania|TGA Tonga|TOG Togo
TPE Chinese Taipei|TRI Trinidad and Tobago|UAE United Arab Emirates|URU Uruguay|VAN Vanuatu|VIE Vietnam
VIN Saint Vincent and the Grenadines|ZAM Zambia|ZIM Zimbabwe|EUN Unified Team|ENG England|SCO Scotland|WAL Wales
NIR Northern Ireland|UK United Kingdom|US United States|EU European Union|URS Soviet Union
USSR Soviet Union|GDR East Germany|DDR East Germany|FRG West Germany|YUG Yugoslavia|TCH Czechoslovakia
CSK Czechoslovakia|SCG Serbia and Montenegro|PRC China|ROC Republic of China|AHO Netherlands Antilles|BOH Bohemia
EUA United Team of Germany|CIS Commonwealth of Independent States|RSFSR Russian SFSR|UAR United Arab Republic
NAZ Nazi Germany|ZAI Zaire|BIR Burma|RHO Rhodesia|SAA Saar|PAL Palestine|VNM South Vietnam
"""


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    for entry in _NAMES.strip().replace("\n", "|").split("|"):
        code, name = entry.split(" ", 1)
        names.setdefault(code, name)
    return names


def country_codes() -> list[str]:
    """Gives the codes that are templates of their own (``{{GRL}}``)."""
    return [code for code in _names() if len(code) >= 3]


def country_name(code: str) -> str:
    """Gives the name for a code, or `code` itself, which is then taken for a name."""
    return _names().get(code, code)
