//! Names written in the Latin script.

use super::{
    Culture,
    Order::{FamilyFirst, GivenFirst},
    culture,
};

pub(super) const CULTURES: &[Culture] = &[
    // English
    culture(
        32,
        GivenFirst,
        "Amelia Oliver Charlotte Harry Beatrice Jack Imogen Samuel Florence Thomas",
        "Ashworth O'Connor/oconnor Whitfield Hughes Pemberton Fitzgerald Lockwood Barrett \
         Smith-Rowe/smith-rowe Sinclair",
        "London Manchester Boston Toronto",
    ),
    // Irish
    culture(
        19,
        GivenFirst,
        "Siobhán/siobhan Seán/sean Aoife Pádraig/padraig Niamh Róisín/roisin Ciarán/ciaran \
         Gráinne/grainne",
        "Murphy Kelly Doyle Byrne Gallagher O'Shea/oshea McCarthy",
        "Dublin Cork Galway",
    ),
    // French
    culture(
        30,
        GivenFirst,
        "Zoé/zoe François/francois Chloé/chloe Jérôme/jerome Hélène/helene Théo/theo \
         Anaïs/anais Benoît/benoit Gaëlle/gaelle Rémi/remi",
        "Lefèvre/lefevre Béranger/beranger Dubois Leclerc Noël/noel Moreau Gauthier \
         D'Aubigné/daubigne Château/chateau",
        "Paris Lyon Montréal Genève",
    ),
    // German
    culture(
        28,
        GivenFirst,
        "Jürgen/jurgen Käthe/kathe Björn/bjorn Anneliese Götz/gotz Lena Matthias Änne/anne \
         Uwe",
        "Müller/muller Schröder/schroder Weiß/weiss Köhler/kohler Groß/gross Vogel \
         von_Bülow/vonbulow Böhm/bohm Jäger/jager",
        "Berlin Hamburg Wien Zürich",
    ),
    // Spanish
    culture(
        31,
        GivenFirst,
        "María_José/mariajose Íñigo/inigo Begoña/begona Andrés/andres Lucía/lucia Ramón/ramon \
         Inés/ines José_Luis/joseluis Concepción/concepcion Martín/martin",
        "García_López/garcialopez Núñez/nunez Ortega_Peña/ortegapena Muñoz/munoz \
         Ibáñez/ibanez Domínguez/dominguez Yáñez/yanez Rubio",
        "Madrid Bogotá Lima Sevilla",
    ),
    // Portuguese
    culture(
        29,
        GivenFirst,
        "João/joao Conceição/conceicao Luís/luis Inês/ines Antônio/antonio Márcia/marcia \
         Tomé/tome Íris/iris",
        "da_Silva/dasilva Gonçalves/goncalves Magalhães/magalhaes Araújo/araujo Simões/simoes \
         Brandão/brandao dos_Santos/dossantos",
        "Lisboa Porto Recife Maputo",
    ),
    // Italian
    culture(
        18,
        GivenFirst,
        "Niccolò/niccolo Chiara Giosuè/giosue Ginevra Matteo Noemi",
        "D'Angelo/dangelo De_Luca/deluca Rossi Bellini Conti Marchetti",
        "Milano Torino Palermo",
    ),
    // Dutch
    culture(
        18,
        GivenFirst,
        "Sjoerd Femke Daan Marijke Joost Noëlle/noelle",
        "van_der_Meer/vandermeer de_Vries/devries 't_Hooft/thooft ten_Brink/tenbrink IJzerman \
         Jansen",
        "Utrecht Antwerpen Delft",
    ),
    // Scandinavian
    culture(
        27,
        GivenFirst,
        "Åsa/asa Göran/goran Linnéa/linnea Øystein/oystein Maja Søren/soren Ingrid \
         Håkon/hakon",
        "Sjöberg/sjoberg Ødegård/odegard Ångström/angstrom Lindqvist Nygård/nygard Kjær/kjaer \
         Åkesson/akesson",
        "Malmö Tromsø Århus Oslo",
    ),
    // Icelandic, women
    culture(
        10,
        GivenFirst,
        "Guðrún/gudrun Sigríður/sigridur Þóra/thora Ásdís/asdis Æsa/aesa",
        "Jónsdóttir/jonsdottir Þorsteinsdóttir/thorsteinsdottir Ólafsdóttir/olafsdottir \
         Helgadóttir/helgadottir",
        "Reykjavík Akureyri",
    ),
    // Icelandic, men
    culture(
        10,
        GivenFirst,
        "Sigurður/sigurdur Þórarinn/thorarinn Ólafur/olafur Jökull/jokull Ægir/aegir",
        "Jónsson/jonsson Guðmundsson/gudmundsson Þórðarson/thordarson Einarsson",
        "Reykjavík Akureyri",
    ),
    // Polish, women
    culture(
        14,
        GivenFirst,
        "Małgorzata/malgorzata Agnieszka Zofia Bożena/bozena Łucja/lucja",
        "Kowalska Wiśniewska/wisniewska Dąbrowska/dabrowska Zielińska/zielinska \
         Kozłowska/kozlowska",
        "Kraków Łódź Gdańsk",
    ),
    // Polish, men
    culture(
        14,
        GivenFirst,
        "Łukasz/lukasz Wojciech Paweł/pawel Michał/michal Stanisław/stanislaw",
        "Kowalski Wiśniewski/wisniewski Dąbrowski/dabrowski Zieliński/zielinski \
         Kozłowski/kozlowski",
        "Kraków Łódź Gdańsk",
    ),
    // Czech, women
    culture(
        11,
        GivenFirst,
        "Žofie/zofie Kateřina/katerina Eliška/eliska Tereza Růžena/ruzena",
        "Nováková/novakova Dvořáková/dvorakova Černá/cerna Procházková/prochazkova",
        "Praha Brno Plzeň",
    ),
    // Czech, men
    culture(
        11,
        GivenFirst,
        "Jiří/jiri Ondřej/ondrej Tomáš/tomas Vojtěch/vojtech Luboš/lubos",
        "Novák/novak Dvořák/dvorak Černý/cerny Procházka/prochazka",
        "Praha Brno Plzeň",
    ),
    // Hungarian
    culture(
        18,
        FamilyFirst,
        "Zoltán/zoltan Ágnes/agnes Géza/geza Júlia/julia Győző/gyozo Etelka",
        "Nagy Szabó/szabo Kovács/kovacs Tóth/toth Őry/ory Fűzfa/fuzfa",
        "Budapest Pécs Győr",
    ),
    // Romanian
    culture(
        16,
        GivenFirst,
        "Ștefan/stefan Ioana Mihăiță/mihaita Sânziana/sanziana Andrei",
        "Popescu Țurcanu/turcanu Bălan/balan Ionescu Dumitrașcu/dumitrascu",
        "București Cluj-Napoca Iași",
    ),
    // Turkish
    culture(
        23,
        GivenFirst,
        "İbrahim/ibrahim Ayşe/ayse Oğuz/oguz Çağla/cagla Kıvanç/kivanc Tuğçe/tugce Şule/sule \
         Işık/isik",
        "Yılmaz/yilmaz Şahin/sahin Öztürk/ozturk Çelik/celik Doğan/dogan Güneş/gunes \
         İnan/inan",
        "İstanbul Ankara İzmir",
    ),
    // Yoruba and Igbo
    culture(
        20,
        GivenFirst,
        "Adébáyọ̀/adebayo Nkechi Fọlákẹ́/folake Chidiebere Ọlámídé/olamide Ngozi",
        "Adéyẹmí/adeyemi Okonkwo Ògúnbíyì/ogunbiyi Eze Ọládọ̀kun/oladokun",
        "Lagos Ibadan Enugu",
    ),
    // Māori
    culture(
        12,
        GivenFirst,
        "Aroha Tāne/tane Mārama/marama Wiremu Kahurangi",
        "Ngāta/ngata Parāone/paraone Tūhaka/tuhaka Rēweti/reweti",
        "Rotorua Whangārei",
    ),
    // Indonesian single names
    culture(
        10,
        GivenFirst,
        "Suharyanto Wulandari Budiman Kartikasari Sugiarto Lestari Prasetyo Kusumawati \
         Harjono Pertiwi",
        "",
        "Jakarta Bandung Surabaya",
    ),
    // Vietnamese
    culture(
        29,
        FamilyFirst,
        "Thị_Minh/thiminh Văn_Hùng/vanhung Thu_Hà/thuha Quốc_Anh/quocanh Thị_Ngọc/thingoc \
         Đức_Thắng/ducthang Bảo_Châu/baochau Xuân_Trường/xuantruong",
        "Nguyễn/nguyen Trần/tran Lê/le Phạm/pham Hoàng/hoang Vũ/vu Đặng/dang",
        "Hà_Nội Huế Đà_Nẵng",
    ),
];
