"""
What sites call views and parts of the body, in their languages.

English, German, French, Spanish, Italian, Dutch, Portuguese, Chinese and Japanese, as
terms for text that `folded` brought into one form. Latin terms are whole words; Chinese
and Japanese are written without blanks, so theirs may stand anywhere.
"""

import re
import unicodedata

_ACCENTS = re.compile("[\u0300-\u036f]")  # of Latin letters; Japanese marks stay
_NEW_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_NO_WORD = re.compile(r"[\W_]+")
_GLUED = re.compile(
    r"\b(CHEST|THORAX|TORAX|TORACE|CXR)(?=(PA|AP|LAT|LATERAL|LL|OBL)\b)"
)
# Lying down in French; in English and German the accent is absent and it is a side view
_FRENCH_LYING = re.compile("d\u00e9cubitus", re.IGNORECASE)


def folded(said: str) -> str:
    """Bring text into one form: upper case, no accents, a blank around each word.

    `ThoraxLat2` gives ` THORAX LAT 2 `; full-width letters become the usual ones.
    """
    usual = _FRENCH_LYING.sub("decubito", unicodedata.normalize("NFKC", said))
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", usual))
    apart = _NEW_WORD.sub(" ", unicodedata.normalize("NFC", plain))
    upper = _NO_WORD.sub(" ", apart.upper()).strip()
    return " " + _GLUED.sub(r"\1 ", upper) + " "


def _terms(latin: str, cjk: str = "") -> re.Pattern[str]:
    """Compile terms parted by blanks; `_` stands for a blank within a Latin one."""
    words = "|".join(term.replace("_", " ") for term in latin.split())
    return re.compile("|".join([f"(?<= )(?:{words})(?= )", *cjk.split()]))


# Views ------------------------------------------------------------------------------

PA = _terms(
    "PA P_A POSTERO_?ANTERIOR(?:E|IEUR)? DORSO_?VENTRAL(?:E)?",
    "后前位 後前位 背腹",
)
AP = _terms(
    "AP A_P ANTERO_?POSTERIOR(?:E|IEUR)? VENTRO_?DORSAL(?:E)?",
    "前后位 前後位 腹背",
)
# Frontal, or several views in one breath: beside it "lateral" does not tell which
FRONTAL = _terms(
    "FRONTAL(?:E|ES)? FACE FRENTE VIEWS [234]_VIEW [234]_?V "
    "(?:2|BEIDEN?|ZWEI)_(?:EBENEN|RICHTINGEN|PLANOS|PROIEZIONI|INCIDENCES|PROYECCIONES)",
    "正位 正侧 正側 正面 双位 雙位 [2二两兩]\\s?方向",
)
LATERAL = _terms(
    "LAT LATS LATERAL LATERALS LATERAL(?:E|ER|ES|EN) LATERAAL LATERALAUFNAHME "
    "LATERO_?LATERAL(?:E)? LL RL [LR]T?LAT LAT[LR] XTL X_?TABLE CROSS_?TABLE "
    "TRANSLATERAL SIDE_VIEW \\w*SEITLICH\\w* SEITL SEIT(?:EN)?BILD SEITENAUFNAHME "
    "SEITENANSICHT PROFIL PROFILO PERFIL ZIJDELINGSE? ZIJAANZICHT ZIJOPNAME DWARSE?",
    "侧位 側位 侧面 側面 侧胸片 側胸 側方 ラテラル",
)
# Obliques, decubitus and swimmers' films: an AP or PA beside them does not undo it
TURNED = _terms(
    "OBL OBLIQ OBLIQUES? OBLIQU[AO]S? OBLICU[AO]S? OBLIEK SCHRAE?G\\w* SCHUINE? "
    "[LR][AP]O [LR]LO [LR]T?_?DECUBS? [LR]T?_?DECUBITUS DECUBS? DECUBITUS [LR]LD "
    "DECUBITO_(?:LATERAL\\w*|IZQ\\w*|DER\\w*|SIN\\w*|DX|DES\\w*|ESQ\\w*|DIR\\w*) "
    "DECUBITO_(?:GAUCHE|DROIT) \\w*SEITENLAGE SWIMMERS? ",
    "斜位 前斜 后斜 後斜 侧卧 側臥 侧臥 側卧 泳",
)
# Flat on the back or belly, which is how bedside films are made: no view of its own
LYING = _terms(
    "DECUBIT(?:US|O)_(?:DORSAL\\w*|SUPIN\\w*|VENTRAL\\w*|PRON\\w*|FACE) "
    "FACE_(?:\\w+_)?DECUBITUS"
)
# As the whole of a ViewPosition; in a description they name a side of the body
SIDES = frozenset(("L", "R", "LT", "RT", "LEFT", "RIGHT"))


# Parts of the body ------------------------------------------------------------------

ELSEWHERE = _terms(
    # English
    "ABD\\w* KUB PELV\\w* HIPS? (?:(?:THORACIC|DORSAL|[CTL])_)*SPINE [CTL]+SPINE "
    "LUMB\\w* CERVICAL\\w* THORACOLUMB\\w* SACR\\w* COCCYX SCOLIOSIS RIBS? SHOULDERS? "
    "CLAVIC\\w* STERNUM SCAPULAE? HUMERUS FOREARM SKULL FACIAL NASAL SINUSES MANDIBLE "
    "NECK KNEES? PATELLA FOOT FEET TOES? HEELS? ANKLES? HANDS? FINGERS? THUMB WRISTS? "
    "ELBOWS? FEMUR TIBIA LEGS? ARMS?(?!_(?:UP|DOWN|RAISED|AT|BY)) EXTREMITY "
    # German
    "\\w*WIRBEL\\w* [BHL]WS RIPPEN\\w* BRUSTBEIN KNO?E?CHERNE\\w*_\\w*THORAX "
    "HEMITHORAX BECKEN\\w* HUE?FT\\w* SCHULTER\\w* SCHLUE?SSELBEIN KNIE\\w* FUE?SSE? "
    "HAND \\w+GELENK ELLENBOGEN (?:UNTER|OBER)(?:ARM|SCHENKEL) SCHAE?DEL HALS KIEFER "
    # French
    "RACHIS COLONNE LOMBAIRE COTES? COSTAL(?:ES?)? ASP BASSIN HANCHES? EPAULES? "
    "CLAVICULES? GENOUX? PIEDS? COUDES? CRANE POIGNETS? CHEVILLES? JAMBES? CUISSES? "
    # Spanish and Portuguese
    "COLUMNA COLUNA COSTILLAS? COSTELAS? COSTAIS PARRILLA ESTERNON? CADERAS? BACIA "
    "QUADRIL HOMBROS? OMBROS? RODILLAS? JOELHOS? MANOS? MAOS? CODOS? COTOVELOS? "
    "CRANEO CRANIO CUELLO PESCOCO TOBILLOS? TORNOZELOS? MUNECAS? PUNHOS? PIERNAS? "
    # Italian
    "RACHIDE COLONNA LOMBARE COSTE EMICOSTATO BACINO SPALL[AE] GINOCCHI[AO]? PIEDE "
    "GOMIT[OI] ADDOM\\w* POLSO CAVIGLI[AE] STERNO "
    # Dutch
    "WERVELKOLOM [BCLT]WK RIBBEN BORSTBEEN SLEUTELBEEN BEKKEN HEUP(?:EN)? SCHOUDERS? "
    "VOET(?:EN)? ELLEBOOG POLS SCHEDEL BUIK\\w* BOZ",
    # Chinese and Japanese
    "[胸颈頸腰脊骶]椎 脊柱 肋 胸骨 腹部 腹平片 骨盆 骨盤 髋 髖 股関節 肩 锁骨 鎖骨 "
    "膝 踝 [双左右]足 足[部正侧関] [双左右]手 手[部正侧指関] 腕 肘 股骨 肱骨 胫 脛 "
    "颅 頭部 頭蓋 鼻窦 副鼻腔 骶 尾骨 四肢 小腿 大腿 前臂 上臂",
)
# Studies of the abdomen that hold a film of the chest
WITH_CHEST_IMAGE = _terms("ACUTE SERIES SURVEY")
