internal import Kernel
internal import Mapping
internal import Wire

/// Reads the members of one object, each wrong one a finding with its place.
struct RuleReader {
    let json: JSON
    let position: String

    init(_ json: JSON, at position: String, known: [String], _ findings: inout Findings) {
        self.json = json
        self.position = position
        if json.object == nil { findings.add(position, "must be an object", "Write { … }.") }
        for (key, _) in json.object ?? [] where !known.contains(key) {
            findings.add("\(position).\(key.prefix(64))", "is not a known member", "Known are \(known.joined(separator: ", ")).")
        }
    }

    func integer(_ key: String, _ range: ClosedRange<Int>, _ findings: inout Findings) -> Int? {
        guard let value = json.member(key) else { return nil }
        guard let number = value.int, range.contains(number) else {
            findings.add("\(position).\(key)", "must be a whole number from \(range.lowerBound) to \(range.upperBound)", "Write a number in that range.")
            return nil
        }
        return number
    }

    /// Lower-case letters, digits and hyphens.
    func slug(_ key: String, _ findings: inout Findings) -> String {
        let text = json.member(key)?.string ?? ""
        guard RuleReader.isSlug(text) else {
            findings.add("\(position).\(key)", "must be 1 to 63 lower-case letters, digits and hyphens", "Write it such as on-call.")
            return ""
        }
        return text
    }

    static func isSlug(_ text: String) -> Bool {
        let bytes = text.utf8
        return (1 ... 63).contains(bytes.count) && bytes.first != 45
            && bytes.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 45 }
    }

    /// A list of short texts.
    func words(_ key: String, _ findings: inout Findings) -> [String]? {
        guard let value = json.member(key) else { return nil }
        guard let list = value.array, list.count <= 50, case let words = list.compactMap(\.string), words.count == list.count,
            words.allSatisfy({ (1 ... 254).contains($0.utf8.count) })
        else {
            findings.add("\(position).\(key)", "must be a list of texts, 50 at most", "Write [\"…\"].")
            return nil
        }
        return words
    }

    func choice<Word: RawRepresentable & CaseIterable>(_ key: String, _: Word.Type, _ findings: inout Findings) -> Word? where Word.RawValue == String {
        guard let value = json.member(key) else { return nil }
        guard let word = value.string.flatMap({ Word(rawValue: $0) }) else {
            findings.add("\(position).\(key)", "is not one of \(Word.allCases.map(\.rawValue).joined(separator: ", "))", "Choose one of them.")
            return nil
        }
        return word
    }

    /// Text in one line, of printable characters.
    func text(_ key: String, most: Int, _ findings: inout Findings) -> String? {
        guard let value = json.member(key) else { return nil }
        guard let text = value.string, (1 ... most).contains(text.unicodeScalars.count), text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 }) else {
            findings.add("\(position).\(key)", "must be text of 1 to \(most) characters in one line", "Write it in quotes, without line breaks.")
            return nil
        }
        return text
    }
}
