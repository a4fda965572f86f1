import Bytes

extension String {
  /// For XML and HTML, in text and in attributes. Control characters are written `\xNN`, because XML has none.
  var asMarkup: String {
    var result = ""
    for scalar in printable(self).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// For Markdown: whatever has a meaning there is a character reference.
  var asMarkdown: String {
    var result = ""
    for scalar in printable(self).unicodeScalars {
      switch scalar {
      case "&", "<", ">", "|", "*", "_", "`", "[", "]", "\\", "~", "#", "@", "!":
        result += "&#\(scalar.value);"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
