internal import Kernel
internal import Wire

extension Shape {
    /// Whose value is held against it.
    enum Side: Sendable {
        /// Sent to us: what may be left out may be null.
        case theirs
        /// Sent to us, for a reader that takes null for a value.
        case strict
        /// Given by us.
        case ours
    }

    /// Everything that is wrong with a value. `place`: where it stands, `settings.currency`, "" for the whole.
    func check(_ value: JSON, at place: String = "", _ side: Side, into findings: inout [Refusal.Finding]) {
        func add(_ why: String, _ remedy: String) { findings.append(.init(field: place, why: why, remedy: remedy)) }
        switch self {
        case .anything: return
        case .thing(let thing): thing.shape.check(value, at: place, side, into: &findings)
        case .orNull(let shape): if !value.isNull { shape.check(value, at: place, side, into: &findings) }
        case .text(let words):
            guard let text = value.string else { return add(Self.text(words).whyNot, Self.text(words).remedy) }
            if let wrong = words.finding(text) { add(wrong.why, wrong.remedy) }
        case .choice(let allowed):
            if !(value.string.map(allowed.contains) ?? false) { add(whyNot, remedy) }
        case .integer(let range):
            if !(value.int.map(range.contains) ?? false) { add(whyNot, remedy) }
        case .flag: if value.bool == nil { add(whyNot, remedy) }
        case .list(let shape, let counts):
            guard let list = value.array, counts.contains(list.count) else { return add(whyNot, remedy) }
            for (n, element) in list.enumerated() { shape.check(element, at: "\(place)[\(n)]", side, into: &findings) }
        case .map(let shape, let most):
            guard let members = value.object, members.count <= most else { return add(whyNot, remedy) }
            for (name, element) in members {
                let position = Shape.place(place, String(name.prefix(64)))
                if name.utf8.contains(0) || side != .ours && !Words.isPrintable(name) {
                    findings.append(.init(field: position, why: "has a name with control characters", remedy: "Leave them out."))
                }
                shape.check(element, at: position, side, into: &findings)
            }
        case .object(let members): check(value, members, at: place, side, into: &findings)
        case .either(let shapes):
            var first: [Refusal.Finding]?
            for shape in shapes {
                var own: [Refusal.Finding] = []
                shape.check(value, at: place, side, into: &own)
                if own.isEmpty { return }
                first = first ?? own
            }
            findings += first ?? []
        }
    }

    private func check(_ value: JSON, _ members: [Member], at place: String, _ side: Side, into findings: inout [Refusal.Finding]) {
        guard let given = value.object else { return findings.append(.init(field: place, why: whyNot, remedy: remedy)) }
        for (name, _) in given where !members.contains(where: { $0.name == name }) {
            let known = members.isEmpty ? "There are none." : "Known are \(members.map(\.name).joined(separator: ", "))."
            findings.append(.init(field: Shape.place(place, String(name.prefix(64))), why: "is not a known member", remedy: known))
        }
        for member in members {
            let position = Shape.place(place, member.name)
            guard let element = value[member.name], side != .theirs || !element.isNull else {
                if member.isRequired { findings.append(.init(field: position, why: "is missing", remedy: member.plea)) }
                continue
            }
            member.shape.check(element, at: position, side, into: &findings)
        }
    }

    static func place(_ outer: String, _ name: String) -> String { outer.isEmpty ? name : "\(outer).\(name)" }

    /// What is said of a value of another kind altogether.
    private var whyNot: String {
        switch self {
        case .text(let words): words.finding("\u{0}")?.why ?? "must be text"
        case .choice(let allowed): "is not one of \(allowed.joined(separator: ", "))"
        case .integer(let range): "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .flag: "must be true or false"
        case .list(.choice(let allowed), _): "must be a list of \(allowed.joined(separator: ", "))"
        case .list(_, let counts): counts.upperBound == .max ? "must be a list" : "must be a list of \(counts.lowerBound) to \(counts.upperBound)"
        case .map(.text, let most) where most < .max: "must be an object of at most \(most) strings"
        case .object, .map: "must be an object"
        default: "is not what it may be"
        }
    }

    private var remedy: String {
        switch self {
        case .text(let words): words.finding("\u{0}")?.remedy ?? "Send it as a string."
        case .choice: "Choose one of them."
        case .integer: "Send a number in that range."
        case .flag: "Send it without quotes."
        case .list(.choice(let allowed), _): "Write [\"\(allowed.first ?? "")\"]."
        case .list: "Send [ … ]."
        case .map(.text, _): "Send { \"name\": \"value\" }."
        default: "Send { … }."
        }
    }
}

extension Member {
    /// What to do when it is missing.
    fileprivate var plea: String {
        if case .text(let words) = shape, words.form == .slug { return "Add a short name such as prairie-goods." }
        return "Add \(name)."
    }
}
