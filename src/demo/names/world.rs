//! Names written in other scripts than Latin.

use super::{
    Culture,
    Order::{FamilyFirst, FamilyJoined, GivenFirst},
    culture,
};

pub(super) const CULTURES: &[Culture] = &[
    // Russian, women
    culture(
        20,
        GivenFirst,
        "Анна/anna Екатерина/ekaterina Юлия/yulia Светлана/svetlana Алёна/alyona Дарья/darya",
        "Иванова/ivanova Кузнецова/kuznetsova Соловьёва/solovyova Морозова/morozova \
         Чайковская/chaykovskaya",
        "Москва Казань Томск",
    ),
    // Russian, men
    culture(
        20,
        GivenFirst,
        "Иван/ivan Пётр/pyotr Дмитрий/dmitry Сергей/sergey Фёдор/fyodor Алексей/alexey",
        "Иванов/ivanov Кузнецов/kuznetsov Соловьёв/solovyov Морозов/morozov \
         Щербаков/shcherbakov",
        "Москва Казань Томск",
    ),
    // Ukrainian
    culture(
        24,
        GivenFirst,
        "Оксана/oksana Тарас/taras Соломія/solomiia Андрій/andrii Наталія/nataliia \
         Євген/yevhen Галина/galyna Ярослав/yaroslav",
        "Шевченко/shevchenko Коваленко/kovalenko Бондаренко/bondarenko Їжакевич/yizhakevych \
         Ткачук/tkachuk Гончар/honchar",
        "Київ Львів Одеса",
    ),
    // Serbian
    culture(
        18,
        GivenFirst,
        "Милош/milos Јелена/jelena Ђорђе/djordje Љиљана/ljiljana Немања/nemanja Јована/jovana",
        "Јовановић/jovanovic Петровић/petrovic Ђурић/djuric Његован/njegovan Поповић/popovic",
        "Београд Ниш Нови_Сад",
    ),
    // Greek, women
    culture(
        17,
        GivenFirst,
        "Ελένη/eleni Μαρία/maria Σοφία/sofia Ιωάννα/ioanna Χριστίνα/christina Δήμητρα/dimitra",
        "Παπαδοπούλου/papadopoulou Γεωργίου/georgiou Νικολαΐδου/nikolaidou \
         Οικονόμου/oikonomou",
        "Αθήνα Θεσσαλονίκη Πάτρα",
    ),
    // Greek, men
    culture(
        17,
        GivenFirst,
        "Γιώργος/giorgos Νίκος/nikos Κωνσταντίνος/konstantinos Δημήτρης/dimitris \
         Θανάσης/thanasis Ηλίας/ilias",
        "Παπαδόπουλος/papadopoulos Γεωργιάδης/georgiadis Νικολαΐδης/nikolaidis \
         Βασιλείου/vasileiou",
        "Αθήνα Θεσσαλονίκη Πάτρα",
    ),
    // Armenian
    culture(
        21,
        GivenFirst,
        "Անահիտ/anahit Արամ/aram Նարե/nare Տիգրան/tigran Լուսինե/lusine Հայկ/hayk Գոհար/gohar \
         Վահե/vahe",
        "Սարգսյան/sargsyan Գրիգորյան/grigoryan Հովհաննիսյան/hovhannisyan Պետրոսյան/petrosyan \
         Խաչատրյան/khachatryan Մկրտչյան/mkrtchyan",
        "Երևան Գյումրի",
    ),
    // Georgian
    culture(
        21,
        GivenFirst,
        "ნინო/nino გიორგი/giorgi თამარ/tamar ლევან/levan ქეთევან/ketevan დავით/davit \
         მარიამ/mariam ზურაბ/zurab",
        "ბერიძე/beridze კაპანაძე/kapanadze გელაშვილი/gelashvili მაისურაძე/maisuradze \
         ლომიძე/lomidze წიკლაური/tsiklauri ჯაფარიძე/japaridze",
        "თბილისი ბათუმი ქუთაისი",
    ),
    // Hebrew
    culture(
        23,
        GivenFirst,
        "נועה/noa יוסף/yosef תמר/tamar אבנר/avner מיכל/michal איתן/eitan שירה/shira דוד/david",
        "כהן/cohen לוי/levi מזרחי/mizrahi פרידמן/friedman ביטון/biton אברהמי/avrahami \
         שפירא/shapira",
        "חיפה ירושלים תל_אביב",
    ),
    // Arabic
    culture(
        35,
        GivenFirst,
        "محمد/mohammed فاطمة/fatima يوسف/youssef ليلى/layla خالد/khaled نور/nour عمر/omar \
         سلمى/salma طارق/tariq هند/hind",
        "الحسن/alhassan المصري/almasri حداد/haddad العلي/alali خوري/khoury الفاسي/alfassi \
         نجار/najjar بن_سالم/bensalem",
        "القاهرة عمّان الرباط دبي",
    ),
    // Persian
    culture(
        21,
        GivenFirst,
        "آرش/arash پریسا/parisa کیان/kian نسرین/nasrin بهرام/bahram شیرین/shirin گلناز/golnaz \
         ژاله/zhaleh",
        "رضایی/rezaei احمدی/ahmadi کریمی/karimi حسینی/hosseini جعفری/jafari تهرانی/tehrani",
        "تهران شیراز اصفهان",
    ),
    // Hindi and Marathi
    culture(
        29,
        GivenFirst,
        "आरव/aarav प्रिया/priya अनिल/anil सुनीता/sunita राजेश/rajesh मीरा/meera विक्रम/vikram \
         काव्या/kavya",
        "शर्मा/sharma वर्मा/verma सिंह/singh गुप्ता/gupta मिश्रा/mishra जोशी/joshi \
         देशपांडे/deshpande",
        "दिल्ली मुंबई जयपुर पुणे",
    ),
    // Bengali
    culture(
        20,
        GivenFirst,
        "অনন্যা/ananya সুমন/suman মিতালী/mitali অর্ণব/arnab রিমি/rimi তানিয়া/tania",
        "দাস/das সেন/sen রায়/roy চৌধুরী/chowdhury মজুমদার/majumder বিশ্বাস/biswas",
        "ঢাকা কলকাতা সিলেট",
    ),
    // Punjabi
    culture(
        14,
        GivenFirst,
        "ਗੁਰਪ੍ਰੀਤ/gurpreet ਹਰਜੀਤ/harjit ਮਨਦੀਪ/mandeep ਜਸਲੀਨ/jasleen ਅਮਨਦੀਪ/amandeep",
        "ਗਿੱਲ/gill ਸੰਧੂ/sandhu ਢਿੱਲੋਂ/dhillon ਗਰੇਵਾਲ/grewal ਬਰਾੜ/brar",
        "ਅੰਮ੍ਰਿਤਸਰ ਲੁਧਿਆਣਾ",
    ),
    // Gujarati
    culture(
        14,
        GivenFirst,
        "નિશા/nisha હાર્દિક/hardik કિરણ/kiran ભાવના/bhavna જયેશ/jayesh",
        "પટેલ/patel શાહ/shah મહેતા/mehta દેસાઈ/desai ત્રિવેદી/trivedi",
        "અમદાવાદ સુરત",
    ),
    // Tamil: the father's initial comes first
    culture(
        21,
        FamilyFirst,
        "கார்த்திக்/karthik கவிதா/kavitha முருகன்/murugan செல்வி/selvi அருண்/arun மீனாட்சி/meenakshi \
         குமரன்/kumaran தமிழ்ச்செல்வி/tamilselvi",
        "மு./m கா./k ரா./r செ./s வே./v அ./a பா./b",
        "சென்னை மதுரை கோயம்புத்தூர்",
    ),
    // Telugu
    culture(
        14,
        GivenFirst,
        "శ్రీనివాస్/srinivas లక్ష్మి/lakshmi రవి/ravi పద్మ/padma వెంకట్/venkat",
        "రెడ్డి/reddy నాయుడు/naidu రావు/rao చౌదరి/chowdary",
        "హైదరాబాద్ విజయవాడ",
    ),
    // Kannada
    culture(
        14,
        GivenFirst,
        "ಅನಿತಾ/anita ರಮೇಶ್/ramesh ಸುಮಾ/suma ಕಿರಣ್/kiran ಗೀತಾ/geetha",
        "ಗೌಡ/gowda ಹೆಗಡೆ/hegde ಶೆಟ್ಟಿ/shetty ಭಟ್/bhat ಕುಲಕರ್ಣಿ/kulkarni",
        "ಬೆಂಗಳೂರು ಮೈಸೂರು",
    ),
    // Malayalam
    culture(
        14,
        GivenFirst,
        "അനു/anu രാജീവ്/rajeev ലക്ഷ്മി/lekshmi ഗോപാൽ/gopal ദീപ/deepa",
        "നായർ/nair മേനോൻ/menon പിള്ള/pillai നമ്പ്യാർ/nambiar വർമ്മ/varma",
        "കൊച്ചി കോഴിക്കോട്",
    ),
    // Sinhala
    culture(
        14,
        GivenFirst,
        "කුමාරි/kumari නිමල්/nimal සඳුනි/sanduni චමින්ද/chaminda අනුර/anura",
        "පෙරේරා/perera සිල්වා/silva ජයවර්ධන/jayawardena බණ්ඩාර/bandara ගුණසේකර/gunasekara",
        "කොළඹ මහනුවර",
    ),
    // Thai
    culture(
        24,
        GivenFirst,
        "สมชาย/somchai กัญญา/kanya ปรีชา/preecha มาลี/malee วิชัย/wichai อรทัย/orathai \
         นิรันดร์/niran",
        "ใจดี/jaidee ศรีสุข/srisuk ทองดี/thongdee วงศ์สวัสดิ์/wongsawat แสงทอง/saengthong \
         บุญมี/boonmee",
        "กรุงเทพฯ เชียงใหม่ ขอนแก่น",
    ),
    // Khmer
    culture(
        12,
        FamilyFirst,
        "សុភា/sophea ដារ៉ា/dara ពិសិដ្ឋ/piseth ចន្ថា/chantha រតនា/ratana",
        "សុខ/sok គឹម/kim ជា/chea លី/ly",
        "ភ្នំពេញ សៀមរាប",
    ),
    // Ethiopian: the father's given name comes second
    culture(
        21,
        GivenFirst,
        "አበበ/abebe ሰላም/selam ትዕግስት/tigist ዮሐንስ/yohannes ሐና/hanna ዳዊት/dawit መሠረት/meseret \
         ብርሃን/birhan",
        "ተስፋዬ/tesfaye በቀለ/bekele ኃይሉ/hailu ከበደ/kebede ታደሰ/tadesse አለሙ/alemu ገብሬ/gebre",
        "አዲስ_አበባ ጎንደር ሐዋሳ",
    ),
    // Chinese, simplified
    culture(
        38,
        FamilyJoined,
        "伟/wei 芳/fang 小明/xiaoming 雪梅/xuemei 建国/jianguo 丽华/lihua 志强/zhiqiang \
         思远/siyuan 子涵/zihan 雨桐/yutong",
        "王/wang 李/li 张/zhang 刘/liu 陈/chen 杨/yang 赵/zhao 黄/huang 欧阳/ouyang 周/zhou",
        "上海 北京 成都 深圳",
    ),
    // Chinese, traditional
    culture(
        22,
        FamilyJoined,
        "怡君/yi-chun 志豪/chih-hao 雅婷/ya-ting 俊傑/chun-chieh 淑芬/shu-fen 冠宇/kuan-yu",
        "陳/chen 林/lin 黃/huang 張/chang 蔡/tsai 吳/wu 許/hsu",
        "臺北 高雄 香港",
    ),
    // Korean
    culture(
        28,
        FamilyJoined,
        "민준/minjun 서연/seoyeon 지훈/jihoon 하은/haeun 도윤/doyun 수빈/subin 현우/hyunwoo \
         예린/yerin 지민/jimin",
        "김/kim 이/lee 박/park 최/choi 정/jung 강/kang 조/cho 윤/yoon 남궁/namgung",
        "서울 부산 대전",
    ),
    // Japanese
    culture(
        34,
        FamilyFirst,
        "花子/hanako 太郎/taro さくら/sakura 健/ken 美咲/misaki 翔太/shota ひなた/hinata \
         大輔/daisuke エミリ/emiri 結衣/yui",
        "佐藤/sato 鈴木/suzuki 高橋/takahashi 田中/tanaka 渡辺/watanabe 伊藤/ito \
         山本/yamamoto 小林/kobayashi 加藤/kato",
        "東京 大阪 札幌 福岡",
    ),
];
