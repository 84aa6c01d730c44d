/// Names of companies as they are compared: "Prairie Goods, L.L.C." and "PRAIRIE GOODS LLC" are one, "Prairie Goods Canada" is another.
public enum CompanyName {
    /// What only says of which kind a company is, in the countries whose ledgers we speak with and their neighbours.
    private static let kinds: Set<String> = [
        "ltd", "limited", "llc", "llp", "lp", "plc", "inc", "incorporated", "corp", "corporation", "co", "company", "pllc", "pc", "cic", "pty", "ulc", "gmbh", "mbh", "ug", "ag", "kg",
        "ohg", "gbr", "ek", "sarl", "sas", "sasu", "sa", "srl", "bv", "nv", "bvba", "sl", "slu", "ab", "aps", "oy", "oyj", "lda", "kft", "zrt", "doo", "sro",
    ]

    /// In lower case, without accents of Latin letters, points and other marks; words joined by one space. Kinds of company at the end and "the" in front are left out, unless nothing else is left.
    public static func plain(_ name: String) -> String {
        // "L.L.C." is one word, "Oak & Clay" and "Oak and Clay" are the same two.
        let text = String(name.lowercased().compactMap { letter -> Character? in ".'’`".contains(letter) ? nil : letter })
        let words = text.split { !($0.isLetter || $0.isNumber || $0 == "&" || $0 == "+") }.map { bare(String($0)) }.map { $0 == "&" || $0 == "+" ? "and" : $0 }
        var own = words[...]
        while let last = own.last, kinds.contains(last) || last == "and" { own.removeLast() }
        if own.first == "the" { own.removeFirst() }
        return (own.isEmpty ? words[...] : own).joined(separator: " ")
    }

    private static let accents: [Character: String] = [
        "á": "a", "à": "a", "â": "a", "ã": "a", "å": "a", "ä": "ae", "æ": "ae", "ç": "c", "č": "c", "é": "e", "è": "e", "ê": "e", "ë": "e", "í": "i", "ì": "i", "î": "i", "ï": "i", "ł": "l",
        "ñ": "n", "ó": "o", "ò": "o", "ô": "o", "õ": "o", "ø": "oe", "ö": "oe", "œ": "oe", "š": "s", "ß": "ss", "ú": "u", "ù": "u", "û": "u", "ü": "ue", "ý": "y", "ž": "z",
    ]

    private static func bare(_ word: String) -> String { word.reduce(into: "") { $0 += accents[$1] ?? String($1) } }
}

extension AccountIdentity {
    /// What is not as any of the expected has it: `country`, `currency`, `name`. What the platform does not say is no difference, nor is how a company writes
    /// itself where an organisation is expected, which has no account: one that was connected before is expected under its very name.
    /// - isNamed: the platform said the name.
    public func differences(from expected: [AccountIdentity], isNamed: Bool = true) -> [String] {
        var out: [String] = []
        func check(_ what: String, _ own: String?, _ theirs: [String]) {
            if let own, !theirs.isEmpty, !theirs.contains(where: { $0.lowercased() == own.lowercased() }) { out.append(what) }
        }
        check("country", country, expected.compactMap(\.country))
        check("currency", currency, expected.compactMap(\.currency))
        let before = expected.filter { !$0.account.isEmpty }
        if before.isEmpty {
            check("name", isNamed ? CompanyName.plain(name) : nil, expected.map { CompanyName.plain($0.name) }.filter { !$0.isEmpty })
        } else {
            check("name", name, before.map(\.name))
        }
        return out
    }
}
