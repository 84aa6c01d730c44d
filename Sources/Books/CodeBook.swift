/// Reason codes of returns: which the tenant has accepted, and what rules set for them.
public struct CodeBook: Sendable {
    /// Accepted as they are: they go unchanged into the dimension `return_reason`.
    public var known: Set<String>
    /// What a rule sets for a code: another role, or dimensions; wins over `known`.
    public var rules: [String: (role: Role?, dimension: [String: String])]

    public init(known: Set<String> = [], rules: [String: (role: Role?, dimension: [String: String])] = [:]) {
        self.known = known
        self.rules = rules
    }

    /// Role (`nil`: as planned) and dimensions of a code; `nil` when nothing is known of it.
    public func treatment(of code: String) -> (role: Role?, dimension: [String: String])? {
        if let rule = rules[code] { return rule }
        return known.contains(code) ? (nil, ["return_reason": code]) : nil
    }
}
