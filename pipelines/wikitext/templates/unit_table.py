"""The table of units of ``{{convert}}``.

Factors are those of the international system and of the international yard and pound; names and codes are those
of the template's documentation.
"""

__all__ = ["UNITS"]

# code and other codes | symbol | name | plural (empty: name + s) | scale | dimension | default output.
# A "!" in front of the symbol: always the symbol; "@": always the name.
UNITS = """
m,meter,metre,meters,metres|m|metre||1|length|ftin<3|ft
km,kilometre,kilometer,kilometers,kilometres,kms|km|kilometre||1000|length|mi
cm,centimetre,centimeter|cm|centimetre||0.01|length|in
mm,millimetre,millimeter|mm|millimetre||0.001|length|in
um,μm,µm,micron|μm|micrometre||1e-6|length|in
nm|nm|nanometre||1e-9|length|in
in,inch,inches|in|inch|inches|0.0254|length|mm
ft,foot,feet|ft|foot|feet|0.3048|length|m
yd,yard,yards|yd|yard||0.9144|length|m
mi,mile,miles,smi|mi|mile||1609.344|length|km
nmi,NM|nmi|nautical mile||1852|length|km mi
furlong|@furlong|furlong||201.168|length|ft m
chain|@chain|chain||20.1168|length|ft m
rd,rod,pole,perch|rd|rod||5.0292|length|ft m
fathom,ftm|@fathom|fathom||1.8288|length|ft m
hand|h|hand||0.1016|length|in cm
league|@league|league||4828.032|length|km
thou,mil|@thou|thou|thou|0.0000254|length|mm
pica|@pica|pica||0.0042333333333333|length|mm
AU|AU|astronomical unit||149597870700|length|km mi
ly,light-year|ly|light-year||9460730472580800|length|AU
kly|kly|kilolight-year||9460730472580800000|length|pc
Mly|Mly|megalight-year||9.4607304725808e21|length|kpc
pc,parsec|pc|parsec||3.0856775814913673e16|length|ly
kpc|kpc|kiloparsec||3.0856775814913673e19|length|kly
Mpc|Mpc|megaparsec||3.0856775814913673e22|length|Mly
angstrom,Å|Å|ångström||1e-10|length|in
Ym|Ym|yottametre||1e24|length|Mly
verst|@verst|verst||1066.8|length|km mi
li|@li|li|li|500|length|mi
m2,sqm|m<sup>2</sup>|square metre||1|area|sqft
km2,sqkm,km²,SqKm|km<sup>2</sup>|square kilometre||1e6|area|sqmi
cm2|cm<sup>2</sup>|square centimetre||1e-4|area|sqin
mm2|mm<sup>2</sup>|square millimetre||1e-6|area|sqin
ha,hectare,hectares|ha|hectare||10000|area|acre
a|a|are||100|area|sqft
sqin,in2|sq in|square inch|square inches|0.00064516|area|cm2
sqft,ft2,ft²,foot2|sq ft|square foot|square feet|0.09290304|area|m2
sqyd,yd2|sq yd|square yard||0.83612736|area|m2
sqmi,mi2,sq mi,mi²|sq mi|square mile||2589988.110336|area|km2
sqnmi|sq nmi|square nautical mile||3429904|area|km2 sqmi
acre,acres,ac|@acre|acre||4046.8564224|area|ha
dunam|@dunam|dunam||1000|area|km2 sqmi
rood|@rood|rood||1011.7141056|area|sqft m2
arpent|@arpent|arpent||3418.89|area|ha
feddan|@feddan|feddan||4200|area|ha
rai|@rai|rai|rai|1600|area|m2
m3,cum|m<sup>3</sup>|cubic metre||1|volume|cuft
km3|km<sup>3</sup>|cubic kilometre||1e9|volume|cumi
cm3,cc,ccm,cucm|cm<sup>3</sup>|cubic centimetre||1e-6|volume|cuin
mm3|mm<sup>3</sup>|cubic millimetre||1e-9|volume|cuin
dm3|dm<sup>3</sup>|cubic decimetre||0.001|volume|cuin
L,l,litre,liter|L|litre||0.001|volume|impgal USgal
ml,mL|mL|millilitre||1e-6|volume|impoz USoz
cl,cL|cL|centilitre||1e-5|volume|impoz USoz
dl,dL|dL|decilitre||1e-4|volume|impoz USoz
hl,hL|hL|hectolitre||0.1|volume|impgal USgal
kl,kL|kL|kilolitre||1|volume|cuft
Ml,ML|ML|megalitre||1000|volume|e6cuft
Gl,GL|GL|gigalitre||1000000|volume|e9cuft
cuin,in3|cu in|cubic inch|cubic inches|1.6387064e-5|volume|cm3
cuft,ft3,cufoot|cu ft|cubic foot|cubic feet|0.028316846592|volume|m3
cuyd,yd3|cu yd|cubic yard||0.764554857984|volume|m3
cumi,mi3|cu mi|cubic mile||4168181825.440579584|volume|km3
acre.ft,acreft,acre-ft,acre foot|acre⋅ft|acre-foot|acre-feet|1233.48183754752|volume|m3
USgal,U.S.gal,usgal|US gal|US gallon||0.003785411784|volume|L impgal
impgal,imp gal|imp gal|imperial gallon||0.00454609|volume|L USgal
USqt|US qt|US quart||0.000946352946|volume|L
impqt|imp qt|imperial quart||0.0011365225|volume|L
USpt|US pt|US pint||0.000473176473|volume|L
imppt|imp pt|imperial pint||0.00056826125|volume|L
USoz,USfloz|US fl oz|US fluid ounce||2.95735295625e-5|volume|ml
impoz,impfloz|imp fl oz|imperial fluid ounce||2.84130625e-5|volume|ml
USbbl|US bbl|US barrel||0.119240471196|volume|L impgal
impbbl|imp bbl|imperial barrel||0.16365924|volume|L impgal
oilbbl,bbl|bbl|barrel||0.158987294928|volume|m3
koilbbl|kbbl|thousand barrels|thousand barrels|158.987294928|volume|e3m3
Moilbbl,MMoilbbl|MMbbl|million barrels|million barrels|158987.294928|volume|e3m3
Goilbbl|Gbbl|billion barrels|billion barrels|158987294.928|volume|e9m3
kcuft|kcu ft|thousand cubic feet|thousand cubic feet|28.316846592|volume|m3
Mcuft|million cu ft|million cubic feet|million cubic feet|28316.846592|volume|m3
Gcuft|billion cu ft|billion cubic feet|billion cubic feet|28316846.592|volume|e6m3
Tcuft|trillion cu ft|trillion cubic feet|trillion cubic feet|28316846592|volume|e9m3
USbsh,USbu|US bsh|US bushel||0.03523907016688|volume|L
impbsh|imp bsh|imperial bushel||0.03636872|volume|L
cord|@cord|cord||3.624556363776|volume|m3
boardfoot,board feet,fbm|fbm|board foot|board feet|0.002359737216|volume|m3
USdrygal|US dry gal|US dry gallon||0.00440488377086|volume|L
UScup|US cup|US cup||0.0002365882365|volume|ml
tsp|tsp|teaspoon||4.92892159375e-6|volume|ml
tbsp|tbsp|tablespoon||1.478676478125e-5|volume|ml
kg,kilogram,kilograms,kgs|kg|kilogram||1|mass|lb
g,gram,grams|g|gram||0.001|mass|oz
mg|mg|milligram||1e-6|mass|gr
ug,μg,µg|μg|microgram||1e-9|mass|gr
t,tonne,tonnes,metric ton|t|tonne||1000|mass|LT ST
MT|t|metric ton||1000|mass|LT ST
kt|kt|kilotonne||1e6|mass|LT ST
Mt|Mt|megatonne||1e9|mass|LT ST
lb,lbs,pound,pounds,lbm|lb|pound||0.45359237|mass|kg
oz,ounce,ounces|oz|ounce||0.028349523125|mass|g
ozt,troyoz|ozt|troy ounce||0.0311034768|mass|oz g
gr,grain|gr|grain||0.00006479891|mass|g
st,stone|st|stone|stone|6.35029318|mass|lb kg
cwt,long cwt,LCwt|cwt|long hundredweight|long hundredweight|50.80234544|mass|lb kg
shcwt,short cwt,scwt|sh cwt|short hundredweight|short hundredweight|45.359237|mass|lb kg
LT,long ton,LTon|@long ton|long ton||1016.0469088|mass|t
ST,short ton,STon|@short ton|short ton||907.18474|mass|t
carat|@carat|carat||0.0002|mass|g
dwt|dwt|pennyweight||0.00155517384|mass|oz g
quintal|q|quintal||100|mass|lb
kip|@kip|kip||453.59237|mass|kg
s,sec,second|s|second||1|time|min
min,minute|min|minute||60|time|s
h,hr,hour|h|hour||3600|time|min
d,day|d|day||86400|time|h
week|@week|week||604800|time|d
year,yr|@year|year||31557600|time|d
m/s|m/s|metre per second|metres per second|1|speed|ft/s
km/h,kph,kmh|km/h|kilometre per hour|kilometres per hour|0.27777777777777778|speed|mph
mph,mi/h|mph|mile per hour|miles per hour|0.44704|speed|km/h
kn,knot,knots,kt(speed)|kn|knot||0.51444444444444444|speed|km/h mph
ft/s,fps|ft/s|foot per second|feet per second|0.3048|speed|m/s
ft/min|ft/min|foot per minute|feet per minute|0.00508|speed|m/min
m/min|m/min|metre per minute|metres per minute|0.016666666666666667|speed|ft/min
m/h|m/h|metre per hour|metres per hour|0.00027777777777777778|speed|ft/h
km/s|km/s|kilometre per second|kilometres per second|1000|speed|mi/s
mi/s|mi/s|mile per second|miles per second|1609.344|speed|km/s
cm/s|cm/s|centimetre per second|centimetres per second|0.01|speed|in/s
in/s|in/s|inch per second|inches per second|0.0254|speed|cm/s
mm/s|mm/s|millimetre per second|millimetres per second|0.001|speed|in/s
cm/y,cm/year|cm/year|centimetre per year|centimetres per year|3.168808781e-10|speed|in/year
mm/y,mm/year|mm/year|millimetre per year|millimetres per year|3.168808781e-11|speed|in/year
in/y,in/year|in/year|inch per year|inches per year|8.048774304e-10|speed|mm/year
furlong per fortnight|furlong per fortnight|furlong per fortnight|furlongs per fortnight|0.00016630952|speed|km/h mph
m/s2,m/s²|m/s<sup>2</sup>|metre per second squared|metres per second squared|1|acceleration|ft/s2
ft/s2|ft/s<sup>2</sup>|foot per second squared|feet per second squared|0.3048|acceleration|m/s2
g0|!g<sub>0</sub>|standard gravity|standard gravities|9.80665|acceleration|m/s2
Gal|Gal|gal||0.01|acceleration|ft/s2
W|W|watt||1|power|hp
kW|kW|kilowatt||1000|power|hp
MW|MW|megawatt||1e6|power|hp
GW|GW|gigawatt||1e9|power|hp
hp,horsepower|hp|horsepower|horsepower|745.69987158227022|power|kW
bhp|bhp|brake horsepower|brake horsepower|745.69987158227022|power|kW
shp|shp|shaft horsepower|shaft horsepower|745.69987158227022|power|kW
ihp|ihp|indicated horsepower|indicated horsepower|745.69987158227022|power|kW
whp|whp|wheel horsepower|wheel horsepower|745.69987158227022|power|kW
PS,metric hp,CV,cv,ch|PS|metric horsepower|metric horsepower|735.49875|power|kW
BTU/h|BTU/h|British thermal unit per hour|British thermal units per hour|0.29307107017222|power|W
J|J|joule||1|energy|cal
kJ|kJ|kilojoule||1000|energy|kcal
MJ|MJ|megajoule||1e6|energy|kWh
GJ|GJ|gigajoule||1e9|energy|kWh
TJ|TJ|terajoule||1e12|energy|kWh
PJ|PJ|petajoule||1e15|energy|TWh
cal|cal|calorie||4.184|energy|J
kcal,Cal|kcal|kilocalorie||4184|energy|kJ
Wh|W⋅h|watt-hour||3600|energy|kJ
kWh,kW.h|kWh|kilowatt-hour||3.6e6|energy|MJ
MWh|MWh|megawatt-hour||3.6e9|energy|GJ
GWh|GWh|gigawatt-hour||3.6e12|energy|TJ
TWh|TWh|terawatt-hour||3.6e15|energy|PJ
eV|eV|electronvolt||1.602176634e-19|energy|aJ
keV|keV|kiloelectronvolt||1.602176634e-16|energy|fJ
MeV|MeV|megaelectronvolt||1.602176634e-13|energy|pJ
GeV|GeV|gigaelectronvolt||1.602176634e-10|energy|nJ
aJ|aJ|attojoule||1e-18|energy|eV
fJ|fJ|femtojoule||1e-15|energy|keV
pJ|pJ|picojoule||1e-12|energy|MeV
nJ|nJ|nanojoule||1e-9|energy|GeV
erg|erg|erg||1e-7|energy|μJ
BTU,Btu|BTU|British thermal unit||1055.05585262|energy|kJ
ftlbf,ftlb,ft.lbf|ft⋅lb|foot-pound||1.3558179483314004|energy|J
kt(TNT),ktTNT|!kt|kiloton||4.184e12|energy|TJ
Mt(TNT),MtTNT|!Mt|megaton||4.184e15|energy|PJ
N|N|newton||1|force|lbf
kN|kN|kilonewton||1000|force|lbf
MN|MN|meganewton||1e6|force|lbf
mN|mN|millinewton||0.001|force|ozf
lbf|lbf|pound-force|pounds-force|4.4482216152605|force|N
kgf,kp|kgf|kilogram-force|kilograms-force|9.80665|force|N lbf
tf,tonne-force|tf|tonne-force|tonnes-force|9806.65|force|kN
LTf|LTf|long ton-force|long tons-force|9964.01641818352|force|kN
STf|STf|short ton-force|short tons-force|8896.443230521|force|kN
ozf|ozf|ounce-force|ounces-force|0.27801385095378125|force|N
dyn|dyn|dyne||1e-5|force|gr-f
Nm,N.m,Nm(torque)|N⋅m|newton-metre||1|torque|lbft
lbft,lb.ft,lbf.ft,lbfft,ftlb-f|lb⋅ft|pound force-foot|pound force-feet|1.3558179483314004|torque|Nm
lbin,inlb|lb⋅in|pound force-inch|pound force-inches|0.1129848290276167|torque|Nm
kgm,kgf.m,kgfm|kg⋅m|kilogram force-metre||9.80665|torque|Nm lbft
Pa|Pa|pascal||1|pressure|psi
hPa|hPa|hectopascal||100|pressure|inHg
kPa|kPa|kilopascal||1000|pressure|psi
MPa|MPa|megapascal||1e6|pressure|psi
GPa|GPa|gigapascal||1e9|pressure|psi
psi,lbf/in2|psi|pound per square inch|pounds per square inch|6894.757293168361|pressure|kPa
ksi|ksi|kilopound per square inch|kilopounds per square inch|6894757.293168361|pressure|MPa
psf|psf|pound per square foot|pounds per square foot|47.88025898033584|pressure|kPa
bar|bar|bar||100000|pressure|kPa
mbar,mb|mbar|millibar||100|pressure|hPa
atm|atm|standard atmosphere||101325|pressure|kPa
inHg|inHg|inch of mercury|inches of mercury|3386.38864034|pressure|kPa
mmHg|mmHg|millimetre of mercury|millimetres of mercury|133.322387415|pressure|kPa
Torr|Torr|torr|torr|133.32236842105263|pressure|kPa
kgf/cm2|kgf/cm<sup>2</sup>|kilogram-force per cm<sup>2</sup>|kilograms-force per cm<sup>2</sup>|98066.5|pressure|psi
tsi|tsi|long ton-force per square inch|long tons-force per square inch|15444256.33669713|pressure|MPa
Hz|Hz|hertz|hertz|1|frequency|rpm
rpm|rpm|revolution per minute|revolutions per minute|0.016666666666666667|frequency|Hz
kHz|kHz|kilohertz|kilohertz|1000|frequency|MHz
MHz|MHz|megahertz|megahertz|1e6|frequency|kHz
K|!K|kelvin||1|temperature|C F
K-change,kelvin change|!K|kelvin||1|difference|F-change
C-change,°C-change|!°C|degree Celsius change|degrees Celsius change|1|difference|F-change
F-change,°F-change|!°F|degree Fahrenheit change|degrees Fahrenheit change|0.5555555555555556|difference|C-change
/km2,/sqkm|/km<sup>2</sup>|per square kilometre|per square kilometre|1e-6|number/area|/sqmi
/sqmi,/mi2|/sq mi|per square mile|per square mile|3.8610215854e-7|number/area|/km2
/ha|/ha|per hectare|per hectare|1e-4|number/area|/acre
/acre|/acre|per acre|per acre|0.0002471053814671653|number/area|/ha
PD/km2,PD/sqkm|/km<sup>2</sup>|inhabitant per square kilometre|inhabitants per square kilometre|1e-6|number/area|PD/sqmi
PD/sqmi,PD/mi2|/sq mi|inhabitant per square mile|inhabitants per square mile|3.8610215854e-7|number/area|PD/km2
PD/ha|/ha|inhabitant per hectare|inhabitants per hectare|1e-4|number/area|PD/acre
PD/acre|/acre|inhabitant per acre|inhabitants per acre|0.0002471053814671653|number/area|PD/ha
mpgUS,mpg-US,mpgus|mpg‑US|mile per US gallon|miles per US gallon|425143.70743027|fuel|L/100 km mpgimp
mpgimp,mpg-imp|mpg‑imp|mile per imperial gallon|miles per imperial gallon|354006.18996647|fuel|L/100 km mpgUS
km/L,km/l|km/L|kilometre per litre|kilometres per litre|1000000|fuel|mpgimp mpgUS
L/100 km,L/100km,l/100km|L/100 km|litre per 100 kilometres|litres per 100 kilometres|1e-8|fuel|mpgimp mpgUS
kg/m3|kg/m<sup>3</sup>|kilogram per cubic metre|kilograms per cubic metre|1|density|lb/cuyd
g/cm3,g/cc,g/ml|g/cm<sup>3</sup>|gram per cubic centimetre|grams per cubic centimetre|1000|density|lb/cuin
g/L,g/l|g/L|gram per litre|grams per litre|1|density|lb/cuin
lb/cuft,lb/ft3|lb/cu ft|pound per cubic foot|pounds per cubic foot|16.018463373960138|density|g/cm3
lb/cuin,lb/in3|lb/cu in|pound per cubic inch|pounds per cubic inch|27679.904710203125|density|g/cm3
oilbbl/d,bpd,bbl/d|bbl/d|barrel per day|barrels per day|1.8401307283333e-6|flow|m3/d
koilbbl/d|kbbl/d|thousand barrels per day|thousand barrels per day|0.0018401307283333|flow|e3m3/d
Moilbbl/d,MMoilbbl/d|MMbbl/d|million barrels per day|million barrels per day|1.8401307283333|flow|e3m3/d
m3/d,m3/day|m<sup>3</sup>/d|cubic metre per day|cubic metres per day|1.1574074074074074e-5|flow|cuft/d
m3/s,cumec|m<sup>3</sup>/s|cubic metre per second|cubic metres per second|1|flow|cuft/s
m3/h|m<sup>3</sup>/h|cubic metre per hour|cubic metres per hour|0.00027777777777777778|flow|cuft/h
m3/min|m<sup>3</sup>/min|cubic metre per minute|cubic metres per minute|0.016666666666666667|flow|cuft/min
cuft/s,ft3/s,cfs|cu ft/s|cubic foot per second|cubic feet per second|0.028316846592|flow|m3/s
cuft/min,cfm|cu ft/min|cubic foot per minute|cubic feet per minute|0.0004719474432|flow|m3/min
cuft/h|cu ft/h|cubic foot per hour|cubic feet per hour|7.86579072e-6|flow|m3/h
cuft/d|cu ft/d|cubic foot per day|cubic feet per day|3.2774128e-7|flow|m3/d
L/s,l/s|L/s|litre per second|litres per second|0.001|flow|cuft/s
L/min,l/min|L/min|litre per minute|litres per minute|1.6666666666666667e-5|flow|impgal/min USgal/min
USgal/min,gpm|US gal/min|US gallon per minute|US gallons per minute|6.30901964e-5|flow|L/min impgal/min
impgal/min|imp gal/min|imperial gallon per minute|imperial gallons per minute|7.5768166666667e-5|flow|L/min USgal/min
USgal/d|US gal/d|US gallon per day|US gallons per day|4.3812636388889e-8|flow|L/d
MUSgal/d|million US gal/d|million US gallons per day|million US gallons per day|0.043812636388889|flow|m3/d
bit|b|bit||1|information|B
B,byte|B|byte||8|information|bit
kB|kB|kilobyte||8000|information|kbit
MB|MB|megabyte||8e6|information|Mbit
Sv|Sv|sievert||1|dose|rem
mSv|mSv|millisievert||0.001|dose|mrem
rem|rem|rem||0.01|dose|Sv
Gy|Gy|gray||1|absorbed dose|rad
rad|rad|rad||0.01|absorbed dose|Gy
T|T|tesla||1|field|G
G|G|gauss|gauss|0.0001|field|T
"""
