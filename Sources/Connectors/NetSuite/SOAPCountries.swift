/// SOAP's words for countries, which are no codes.
enum SOAPCountries {
    /// Where the companies are whose books are likely here. Of another word nothing is claimed: a country that is not known differs from none.
    /// - Source: NetSuite SuiteTalk Schema Browser 2024.2, `urn:types.common.platform.webservices.netsuite.com`, enum `Country`.
    private static let codes: [String: String] = [
        "_argentina": "AR", "_australia": "AU", "_austria": "AT", "_bahamas": "BS", "_barbados": "BB", "_belgium": "BE", "_bermuda": "BM", "_brazil": "BR", "_bulgaria": "BG",
        "_canada": "CA", "_caymanIslands": "KY", "_chile": "CL", "_china": "CN", "_colombia": "CO", "_costaRica": "CR", "_croatia": "HR", "_cyprus": "CY", "_czechia": "CZ",
        "_denmark": "DK", "_egypt": "EG", "_estonia": "EE", "_fiji": "FJ", "_finland": "FI", "_france": "FR", "_germany": "DE", "_gibraltar": "GI", "_greece": "GR",
        "_guernsey": "GG", "_hongKong": "HK", "_hungary": "HU", "_iceland": "IS", "_india": "IN", "_indonesia": "ID", "_ireland": "IE", "_isleOfMan": "IM", "_israel": "IL",
        "_italy": "IT", "_jamaica": "JM", "_japan": "JP", "_jersey": "JE", "_kenya": "KE", "_latvia": "LV", "_liechtenstein": "LI", "_lithuania": "LT", "_luxembourg": "LU",
        "_malaysia": "MY", "_malta": "MT", "_mexico": "MX", "_monaco": "MC", "_netherlands": "NL", "_newZealand": "NZ", "_nigeria": "NG", "_norway": "NO", "_panama": "PA",
        "_peru": "PE", "_philippines": "PH", "_poland": "PL", "_portugal": "PT", "_puertoRico": "PR", "_romania": "RO", "_saudiArabia": "SA", "_singapore": "SG",
        "_slovakia": "SK", "_slovenia": "SI", "_southAfrica": "ZA", "_spain": "ES", "_sweden": "SE", "_switzerland": "CH", "_taiwan": "TW", "_thailand": "TH",
        "_turkiye": "TR", "_ukraine": "UA", "_unitedArabEmirates": "AE", "_unitedKingdom": "GB", "_unitedStates": "US", "_uruguay": "UY", "_vietNam": "VN",
    ]

    /// ISO 3166's two letters; empty for a word that is not in the list.
    static func code(_ word: String?) -> String { word.flatMap { codes[$0] } ?? "" }
}
