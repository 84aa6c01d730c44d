public import Wire

/// Policies as files and the API write them.
public enum PolicyText {
    /// Groups of policies as single ones: `{"returns": {"owner": "rms"}}` is `{"returns.owner": "rms"}`. Anything else stays as it is.
    public static func flat(_ json: JSON) -> JSON {
        guard let members = json.object else { return json }
        var out: [(key: String, value: JSON)] = []
        for (name, value) in members {
            guard let inner = value.object else {
                out.append((name, value))
                continue
            }
            for (part, value) in inner { out.append(("\(name).\(part)", value)) }
        }
        return .object(out)
    }
}
